"""Claim, prepare, supervise, close: with a real child process that does what it is told."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from annotation.models import Project
from tests.training.builders import engine, make_checkpoint, make_run
from training import runner, services
from training.engine.rundir import RunDir
from training.models import Checkpoint, Run

pytestmark = pytest.mark.django_db


def carry_out(run: Run, *arguments: object, **options: object) -> Run:
    runner.carry_out(run.pk, command=engine(*arguments), **options)  # type: ignore[arg-type]
    run.refresh_from_db()
    return run


def processes_in(folder: Path) -> list[int]:
    """The processes that were started on a run's folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command and int(pid) != os.getpid():
            found.append(int(pid))
    return found


def test_a_run_comes_back_with_metrics_versions_result_and_checkpoint(project: Project) -> None:
    run = carry_out(make_run(project), "--steps", 3)
    assert (run.status, run.attempt, run.error) == (Run.Status.FINISHED, 1, "")
    losses = run.metrics.filter(name="loss").values_list("step", "value")
    assert list(losses) == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert run.versions == {"scripted": "1"}
    assert run.result == {"loss": 1 / 3}
    checkpoint = run.checkpoints.get()
    assert checkpoint.parent == run.checkpoint
    assert checkpoint.status == Checkpoint.Status.READY
    assert (checkpoint.folder / "config.json").exists()


def test_the_folder_holds_all_that_the_run_needs(project: Project) -> None:
    run = carry_out(make_run(project, config={"beta": 0.3}))
    content = json.loads((run.folder / "config.json").read_text())
    assert content["run"] == run.pk
    assert content["algorithm"] == "dpo"
    assert content["config"]["beta"] == 0.3
    assert content["models"] == {"policy": str(run.checkpoint.folder)}
    frozen = (run.folder / "data" / "train.jsonl").read_bytes()
    assert run.snapshot is not None
    assert frozen == (run.snapshot.path / "train.jsonl").read_bytes()
    assert len(frozen.splitlines()) == run.snapshot.counts["train"]["groups"] == 3


def test_a_message_delivered_twice_starts_one_run(project: Project) -> None:
    run = carry_out(make_run(project))
    began = run.started
    carry_out(run)
    assert (run.attempt, run.started) == (1, began)
    assert (run.folder / "attempts" / "1" / "output.log").read_text().count("begins") == 1
    assert not (run.folder / "attempts" / "2").exists()


def test_two_workers_claim_a_run_once(project: Project) -> None:
    run = make_run(project)
    assert runner.claim_run(run.pk) is not None
    assert runner.claim_run(run.pk) is None


def test_a_failure_arrives_with_the_end_of_the_log(project: Project) -> None:
    run = carry_out(make_run(project), "--fail", "Diverged: the loss is nan at step 3")
    assert run.status == Run.Status.FAILED
    assert run.error.endswith("Diverged: the loss is nan at step 3")
    assert "Traceback" in run.error
    assert not run.checkpoints.exists()


def test_a_value_that_is_not_finite_fails_the_run_with_its_name(project: Project) -> None:
    line = json.dumps({"event": "metrics", "step": 9, "values": {"loss": float("nan")}}) + "\n"
    run = make_run(project)
    with pytest.raises(runner.ingest.BadEvent):
        carry_out(run, "--raw", line)
    run.refresh_from_db()
    assert run.status == Run.Status.FAILED
    assert "loss is nan" in run.error
    assert not run.metrics.filter(step=9).exists()


def test_cancel_lets_the_step_end_and_leaves_no_process(project: Project) -> None:
    run = make_run(project)

    def cancel_at_two(now: Run) -> None:
        if now.done >= 2 and not now.cancel_requested:
            services.cancel_run(now)

    carry_out(run, "--steps", 500, "--pause", 0.05, report=cancel_at_two)
    assert run.status == Run.Status.CANCELLED
    assert run.result == {"stopped": True}
    assert processes_in(run.folder) == []


def test_cancel_ends_even_an_engine_that_does_not_listen(
    project: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STOP_GRACE_SECONDS = 0.2
    monkeypatch.setattr("training.launcher.TERM_SECONDS", 0.3)
    run = make_run(project)

    def cancel_at_two(now: Run) -> None:
        if now.done >= 2 and not now.cancel_requested:
            services.cancel_run(now)

    began = time.monotonic()
    carry_out(run, "--steps", 500, "--pause", 0.05, "--deaf", report=cancel_at_two)
    assert run.status == Run.Status.CANCELLED
    assert processes_in(run.folder) == []
    assert time.monotonic() - began < 10


def test_a_queued_run_is_cancelled_at_once_and_never_starts(project: Project) -> None:
    run = make_run(project)
    services.cancel_run(run)
    carry_out(run)
    assert (run.status, run.attempt) == (Run.Status.CANCELLED, 0)
    with pytest.raises(services.NotNow):
        services.cancel_run(run)


def test_resume_goes_on_behind_the_last_saved_step(project: Project) -> None:
    run = carry_out(make_run(project), "--steps", 3, "--fail", "out of memory")
    services.resume_run(run)
    carry_out(run, "--steps", 5)
    assert (run.status, run.attempt, run.error) == (Run.Status.FINISHED, 2, "")
    attempts = dict(run.metrics.filter(name="attempt").values_list("step", "value"))
    assert attempts == {1: 1, 2: 1, 3: 1, 4: 2, 5: 2}
    with pytest.raises(services.NotNow):
        services.resume_run(run)


def test_resume_after_cancel_takes_the_stop_sign_away(project: Project) -> None:
    run = make_run(project)
    (run.folder / "data").mkdir(parents=True)
    (run.folder / "stop").touch()
    carry_out(run, "--steps", 3)
    assert run.status == Run.Status.FINISHED


def test_a_worker_that_lost_its_run_ends_its_engine_and_writes_nothing(project: Project) -> None:
    run = make_run(project)
    written = []

    def taken_over(now: Run) -> None:
        if now.done >= 2:
            Run.objects.filter(pk=now.pk).update(attempt=7, done=0)
            written.append(now.metrics.count())

    carry_out(run, "--steps", 500, "--pause", 0.05, report=taken_over)
    assert (run.status, run.attempt, run.done) == (Run.Status.RUNNING, 7, 0)
    assert [run.metrics.count()] == written
    assert processes_in(run.folder) == []


def test_a_worker_that_is_told_to_go_lets_the_run_go_after_it_is_saved(project: Project) -> None:
    run = make_run(project)
    carry_out(run, "--steps", 500, "--pause", 0.05, leave=lambda: True)
    assert (run.status, run.attempt, run.losses) == (Run.Status.QUEUED, 1, 0)
    assert run.result == {}
    assert processes_in(run.folder) == []
    carry_out(run, "--steps", int((run.folder / "saved").read_text()) + 1)
    assert (run.status, run.attempt) == (Run.Status.FINISHED, 2)


def test_what_a_lost_worker_did_not_read_is_read_by_the_next(project: Project) -> None:
    run = make_run(project)
    unread = RunDir(run.folder, attempt=1)
    (run.folder / "data").mkdir(parents=True)
    unread.metrics(1, {"loss": 0.25})
    (run.folder / "saved").write_text("1")
    Run.objects.filter(pk=run.pk).update(attempt=1)
    carry_out(run, "--steps", 2)
    losses = dict(run.metrics.filter(name="loss").values_list("step", "value"))
    assert losses == {1: 0.25, 2: 0.5}


def test_a_folder_that_is_still_in_use_is_not_written_to(
    project: Project, settings: Settings
) -> None:
    settings.LOST_AFTER_SECONDS = 0.2
    run = make_run(project)
    run.folder.mkdir(parents=True)
    holder = RunDir(run.folder)
    holder.lock()
    try:
        carry_out(run)
    finally:
        os.close(holder._lock)  # type: ignore[arg-type]
    assert run.status == Run.Status.FAILED
    assert "still works in the run's folder" in run.error
    assert not (run.folder / "attempts").exists()


def test_an_altered_snapshot_is_refused(project: Project) -> None:
    run = make_run(project)
    assert run.snapshot is not None
    with (run.snapshot.path / "train.jsonl").open("a") as file:
        file.write("{}\n")
    carry_out(run)
    assert run.status == Run.Status.FAILED
    assert "train.jsonl differs" in run.error


def silence(run: Run, seconds: float = 61) -> None:
    Run.objects.filter(pk=run.pk).update(heartbeat=timezone.now() - timedelta(seconds=seconds))


def test_reconcile_takes_back_silent_runs_and_fails_them_after_three_losses(
    project: Project, knocks: list[int]
) -> None:
    run = make_run(project)
    knocks.clear()
    for loss in (1, 2):
        assert runner.claim_run(run.pk) is not None
        silence(run, 55)
        runner.reconcile()
        run.refresh_from_db()
        assert run.status == Run.Status.RUNNING, "it has not been silent for long enough"
        silence(run)
        runner.reconcile()
        run.refresh_from_db()
        assert (run.status, run.losses, run.attempt) == (Run.Status.QUEUED, loss, loss)
    assert knocks == [run.pk, run.pk]
    assert runner.claim_run(run.pk) is not None
    silence(run)
    runner.reconcile()
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Run.Status.FAILED, 3)
    assert "lost 3 times" in run.error
    services.resume_run(run)
    run.refresh_from_db()
    assert (run.status, run.losses) == (Run.Status.QUEUED, 0)


def test_reconcile_cancels_a_silent_run_that_was_to_be_cancelled(project: Project) -> None:
    run = make_run(project)
    assert runner.claim_run(run.pk) is not None
    services.cancel_run(run)
    silence(run)
    runner.reconcile()
    run.refresh_from_db()
    assert run.status == Run.Status.CANCELLED


def test_reconcile_knocks_again_for_queued_runs_but_not_all_the_time(
    project: Project, knocks: list[int]
) -> None:
    run = make_run(project)
    knocks.clear()
    runner.reconcile()
    assert knocks == []
    silence(run)
    runner.reconcile()
    runner.reconcile()
    assert knocks == [run.pk]


def test_an_old_attempt_cannot_end_a_run(project: Project) -> None:
    run = make_run(project)
    old = runner.claim_run(run.pk)
    assert old is not None
    silence(run)
    runner.reconcile()
    new = runner.claim_run(run.pk)
    assert new is not None
    runner.fail(old, "too late")
    with pytest.raises(runner.Fenced):
        runner.close(old, stopped=False)
    run.refresh_from_db()
    assert (run.status, run.attempt, run.error) == (Run.Status.RUNNING, new.attempt, "")


def test_a_model_that_cannot_be_fetched_fails_the_run_with_the_reason(
    project: Project, tmp_path: Path
) -> None:
    missing = make_checkpoint(origin=Checkpoint.Origin.FOLDER, location=str(tmp_path / "gone"))
    run = carry_out(make_run(project, checkpoint=missing))
    assert run.status == Run.Status.FAILED
    assert "gone" in run.error
