"""What the worker does with a run: claim → prepare → supervise → close.

A claim takes the run with an attempt number; every later write asks whether the row still carries
it. Whoever has lost the run ends its child process and writes nothing.
"""

import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from training import datasets, ingest, knock, loop, registry
from training.datasets import SnapshotAltered
from training.engine.configs import SampleConfig, load_config
from training.engine.rundir import RunDir
from training.ingest import Claim, Fenced
from training.launcher import Engine, FolderBusy, log_tail, wait_until_free
from training.models import Run
from training.registry import FetchFailed

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
KNOCK_AGAIN_SECONDS = 30
LEAVE_SECONDS = 15  # to save before a worker that is told to go is killed
LOST_REASON = (
    "The worker was lost {count} times in a row without a sign of life for {seconds} s. "
    "Often the machine ran out of memory; look at the log. "
    "Resume continues from the last checkpoint."
)


class EngineFailed(RuntimeError):
    """The engine exited with an error; the message is the end of its log."""


class Leaving(RuntimeError):
    """This worker ends: let the run go, so that another one takes it."""


class CancelledEarly(RuntimeError):
    """Somebody cancelled the run before its engine was started."""


class Pulse:
    """Shows that this worker lives and sees what the row says; called at least once a second.

    Raises Fenced when the claim is lost.
    """

    def __init__(self, claim: Claim, report: Callable[[Run], None] | None) -> None:
        self.claim = claim
        self.report = report
        self.due = 0.0

    def __call__(self) -> Run:
        held = Run.objects.held(self.claim.run_id, self.claim.attempt)
        now = time.monotonic()
        if now >= self.due:
            held.update(heartbeat=Now())
            self.due = now + settings.HEARTBEAT_SECONDS
        run = held.first()
        if run is None:
            raise Fenced(f"attempt {self.claim.attempt} no longer holds run {self.claim.run_id}")
        if self.report:
            self.report(run)
        return run

    def unless_cancelled(self) -> None:
        if self().cancel_requested:
            raise CancelledEarly


def carry_out(
    run_id: int,
    *,
    command: Sequence[str] | None = None,
    leave: Callable[[], bool] | None = None,
    report: Callable[[Run], None] | None = None,
) -> None:
    """Carry out a queued run to its end; return at once if there is nothing to do.

    `leave` says whether this worker has been told to go: the engine then saves, and the run is
    queued for another one. `report` is called about once a second with the run as it stands.
    """
    claim = claim_run(run_id)
    if claim is None:
        return
    pulse = Pulse(claim, report)
    try:
        run_dir = prepare(claim, pulse)
        stopped = supervise(claim, run_dir, pulse, command, leave or never)
        close(claim, stopped=stopped)
    except CancelledEarly:
        close(claim, stopped=True)
    except Fenced as error:
        logger.warning("Run %s: %s", run_id, error)
    except Leaving:
        let_go(claim)
    except (KeyboardInterrupt, SystemExit):
        let_go(claim)
        raise
    except (EngineFailed, FetchFailed, FolderBusy, SnapshotAltered) as error:
        fail(claim, str(error))
    except Exception as error:
        fail(claim, f"{type(error).__name__}: {error}")
        raise


def claim_run(run_id: int) -> Claim | None:
    """queued → running by compare-and-set; None if somebody else was first."""
    attempt = Run.objects.filter(pk=run_id).values_list("attempt", flat=True).first()
    if attempt is None:
        return None
    claimed = Run.objects.filter(pk=run_id, attempt=attempt, status=Run.Status.QUEUED).update(
        status=Run.Status.RUNNING,
        attempt=attempt + 1,
        worker=f"{socket.gethostname()}:{os.getpid()}"[:200],
        heartbeat=Now(),
        started=Coalesce(F("started"), Now()),
        events_offset=0,
        phase="preparing",
        done=0,
        total=0,
        eta_seconds=None,
        error="",
    )
    return Claim(run_id, attempt + 1) if claimed else None


def prepare(claim: Claim, pulse: Pulse) -> RunDir:
    """Write the run's folder; from here on the run depends on nothing else.

    A later attempt finds the folder of the first one and leaves it as it is.
    """
    run = Run.objects.select_related("project", "checkpoint", "opponent", "snapshot").get(
        pk=claim.run_id
    )
    run_dir = RunDir(run.folder, claim.attempt)
    run_dir.path.mkdir(parents=True, exist_ok=True)
    wait_until_free(run_dir, settings.LOST_AFTER_SECONDS / 2)
    if claim.attempt == 1 and (run_dir.path / "config.json").exists():
        run_dir.path.rename(free_name(run_dir.path))  # of another database that counted from 1 too
    (run_dir.path / "data").mkdir(parents=True, exist_ok=True)
    (run_dir.path / "stop").unlink(missing_ok=True)
    ingest.absorb_earlier_attempts(claim, run_dir)
    models = {"policy": run.checkpoint, "opponent": run.opponent}
    for model in models.values():
        if model and not registry.is_here(model):
            tell(claim, f"waiting for the model {model.label}")
            registry.ensure_ready(model, pulse.unless_cancelled)
    pulse.unless_cancelled()
    tell(claim, "preparing")
    if (run_dir.path / "config.json").exists():  # written last
        return run_dir
    config = load_config(run.algorithm, run.config)
    if run.snapshot:
        datasets.copy_snapshot(run.snapshot, run_dir)
    if isinstance(config, SampleConfig):
        datasets.write_prompts(run, run_dir, n=config.n, max_prompts=config.max_prompts)
    content: dict[str, Any] = {
        "run": run.pk,
        "algorithm": run.algorithm,
        "config": run.config,
        "models": {name: str(model.folder) for name, model in models.items() if model},
    }
    datasets.write_whole(run_dir.path / "config.json", json.dumps(content, indent=1))
    return run_dir


def free_name(path: Path) -> Path:
    return next(
        name for n in count(1) if not (name := path.with_name(f"{path.name}.old{n}")).exists()
    )


def tell(claim: Claim, phase: str) -> None:
    Run.objects.held(claim.run_id, claim.attempt).update(phase=phase[:100])


def supervise(
    claim: Claim,
    run_dir: RunDir,
    pulse: Pulse,
    command: Sequence[str] | None,
    leave: Callable[[], bool],
) -> bool:
    """Watch the child process to its end; return whether it ended because it was asked to stop.

    Raises Fenced, Leaving, EngineFailed, BadEvent. Whatever happens, no child stays behind.
    """
    engine = Engine(run_dir, command)
    patience_ends = float("inf")
    leaving = False
    try:
        while True:
            code = engine.poll(TICK_SECONDS)
            ingest.pull(claim, run_dir)
            run = pulse()
            now = time.monotonic()
            if code is not None or now > patience_ends:
                break
            leaving = leaving or leave()
            if patience_ends == float("inf") and (run.cancel_requested or leaving):
                engine.ask_to_stop()
                patience_ends = now + (LEAVE_SECONDS if leaving else settings.STOP_GRACE_SECONDS)
    finally:
        engine.end()
    done = code == 0 and not run.result.get("stopped")
    if not done and leaving and not run.cancel_requested:
        raise Leaving
    if code and not run.cancel_requested:
        raise EngineFailed(reason_of(code, run_dir))
    return not done


def never() -> bool:
    return False


def reason_of(code: int, run_dir: RunDir) -> str:
    tail = log_tail(run_dir.output_path)
    if code < 0:
        name = signal.Signals(-code).name
        hint = " The machine probably ran out of memory." if -code == signal.SIGKILL else ""
        return f"The engine was ended by {name}.{hint}\n{tail}".strip()
    return tail or f"The engine exited with code {code} and said nothing."


@transaction.atomic
def close(claim: Claim, *, stopped: bool) -> None:
    """End a run whose engine ended well, and set going what follows, in one transaction."""
    status = Run.Status.CANCELLED if stopped else Run.Status.FINISHED
    held = Run.objects.held(claim.run_id, claim.attempt)
    if not held.update(status=status, finished=Now(), phase="", eta_seconds=None):
        raise Fenced(f"attempt {claim.attempt} no longer holds run {claim.run_id}")
    if not stopped:
        run = Run.objects.select_related("project", "checkpoint", "opponent", "created_by")
        loop.follow(run.get(pk=claim.run_id))


def fail(claim: Claim, error: str) -> None:
    Run.objects.held(claim.run_id, claim.attempt).update(
        status=Run.Status.FAILED,
        finished=Now(),
        phase="",
        eta_seconds=None,
        error=error.replace("\x00", "\ufffd"),
    )


def let_go(claim: Claim) -> None:
    """Queue the run again without counting it as a loss."""
    held = Run.objects.held(claim.run_id, claim.attempt)
    if held.exclude(cancel_requested=None).update(
        status=Run.Status.CANCELLED, finished=Now(), phase=""
    ):
        return
    if held.update(status=Run.Status.QUEUED, phase="", result={}, heartbeat=Now()):
        knock.run_is_queued(claim.run_id)


def reconcile() -> None:
    """Make rows and workers agree: take runs from lost workers, knock again for queued ones."""
    silent = Now() - timedelta(seconds=settings.LOST_AFTER_SECONDS)
    for run in Run.objects.filter(status=Run.Status.RUNNING, heartbeat__lt=silent):
        take_back(run)
    unheard = Now() - timedelta(seconds=KNOCK_AGAIN_SECONDS)
    queued = Run.objects.filter(status=Run.Status.QUEUED, heartbeat__lt=unheard)
    for pk in queued.values_list("pk", flat=True):
        if queued.filter(pk=pk).update(heartbeat=Now()):
            knock.run_is_queued(pk)


def take_back(run: Run) -> None:
    """Queue a silent run again, or fail it after too many losses; its old attempt is fenced off."""
    silent = Now() - timedelta(seconds=settings.LOST_AFTER_SECONDS)
    held = Run.objects.held(run.pk, run.attempt).filter(heartbeat__lt=silent)
    losses = run.losses + 1
    if run.cancel_requested:
        held.update(status=Run.Status.CANCELLED, finished=Now(), phase="")
    elif losses >= settings.MAX_ATTEMPTS:
        reason = LOST_REASON.format(count=losses, seconds=settings.LOST_AFTER_SECONDS)
        held.update(status=Run.Status.FAILED, finished=Now(), phase="", losses=losses, error=reason)
    elif held.update(status=Run.Status.QUEUED, phase="", losses=losses, heartbeat=Now()):
        knock.run_is_queued(run.pk)
