"""What people do with checkpoints, snapshots and runs. Each function owns its transaction."""

import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from annotation.exports.filters import clean_filters
from annotation.models import Project
from training import datasets, ingest, knock
from training.engine.configs import ALGORITHMS, ConfigError, RunConfig, load_config
from training.models import Checkpoint, Run, Snapshot
from training.registry import CheckpointInvalid, check_folder, check_hub_id


class RunInvalid(ValueError):
    """A run cannot be made like this; `field` names what is to be changed."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NotNow(RuntimeError):
    """The run's state does not allow it; the message is a sentence for the person."""


def freeze_snapshot(project: Project, filters: Mapping[str, Any], user: User | None) -> Snapshot:
    """Freeze what is judged now. Nothing new since the last one: that one is returned."""
    chosen = clean_filters(filters)
    frozen = datasets.freeze(project, chosen)
    try:
        with transaction.atomic():
            Project.objects.select_for_update().get(pk=project.pk)  # one number at a time
            same = project.snapshots.filter(sha256=frozen.sha256, filters=chosen).first()
            if same:
                return same
            number = (project.snapshots.aggregate(last=Max("number"))["last"] or 0) + 1
            snapshot = Snapshot.objects.create(
                project=project,
                number=number,
                filters=chosen,
                counts=frozen.counts,
                sha256=frozen.sha256,
                folder=f"{project.slug}_{number}_{frozen.sha256[:12]}",
                created_by=user,
            )
            if not snapshot.path.exists():  # else the same bytes, left by an unlucky transaction
                frozen.folder.rename(snapshot.path)
            return snapshot
    finally:
        shutil.rmtree(frozen.folder, ignore_errors=True)


def register_checkpoint(
    project: Project, *, origin: str, location: str, label: str = "", slug: str = ""
) -> Checkpoint:
    """Add weights from a folder of the server or from a model hub to the project's checkpoints.

    A folder is looked at before anything loads it; a hub's model is fetched when it is first
    needed. Raises CheckpointInvalid with a sentence.
    """
    location = location.strip()
    if origin == Checkpoint.Origin.HUB:
        check_hub_id(location)
    elif origin == Checkpoint.Origin.FOLDER:
        location = str(checked_folder(location))
    else:
        raise CheckpointInvalid("Only a folder or a model of a hub can be registered.")
    known = Checkpoint.objects.filter(project=project, origin=origin, location=location).first()
    if known:
        return known
    name = location.rstrip("/").rsplit("/", 1)[-1]
    wanted = re.sub(r"[^a-z0-9]+", "_", (slug or name).lower()).strip("_")[:80] or "model"
    checkpoint = Checkpoint.objects.create(
        slug=ingest.free_slug(wanted if wanted[0].isalpha() else f"m_{wanted}"),
        label=label.strip() or name,
        project=project,
        origin=origin,
        location=location,
    )
    if origin == Checkpoint.Origin.FOLDER:
        fetch_checkpoint(checkpoint)  # nothing to download: hashed and ready in a moment
    return checkpoint


def checked_folder(location: str) -> Path:
    """The real path of a folder that may be registered; raise CheckpointInvalid."""
    if not Path(location).is_absolute() or "\x00" in location:
        raise CheckpointInvalid("Write the whole path, from the root of the disk.")
    folder = Path(location).resolve()
    if folder.is_relative_to(settings.DATA_DIR):
        raise CheckpointInvalid(
            "This folder belongs to Prefloop itself. What was trained here is registered already."
        )
    if not (folder / "config.json").is_file():
        raise CheckpointInvalid("There is no model there: no config.json in such a folder.")
    check_folder(folder)
    return folder


@transaction.atomic
def fetch_checkpoint(checkpoint: Checkpoint) -> None:
    """Have a worker fetch a checkpoint that is not here yet."""
    waiting = (Checkpoint.Status.REGISTERED, Checkpoint.Status.FAILED)
    if Checkpoint.objects.filter(pk=checkpoint.pk, status__in=waiting).update(
        status=Checkpoint.Status.FETCHING,
        progress=0.0,
        progress_text="Waiting for a worker",
        error="",
    ):
        knock.checkpoint_is_wanted(checkpoint.pk)


def create_run(
    project: Project,
    algorithm: str,
    config: Mapping[str, Any],
    checkpoint: Checkpoint,
    *,
    snapshot: Snapshot | None = None,
    filters: Mapping[str, Any] | None = None,
    opponent: Checkpoint | None = None,
    user: User | None = None,
    request_key: str | None = None,
) -> Run:
    """Make a draft run; what is wrong with it is said here and not an hour later.

    Without a snapshot, a run that needs one freezes what is judged now under `filters`. The same
    `request_key` returns the run it made before. Raises RunInvalid, naming the field.
    """
    if request_key and (known := Run.objects.filter(request_key=request_key).first()):
        return known
    if algorithm == "sample" and "seed" not in config:
        config = {"seed": secrets.randbelow(2**31), **config}  # fresh samples each time
    values = checked_config(algorithm, config)
    needs = ALGORITHMS[algorithm].NEEDS
    check_models(project, checkpoint, opponent if "prompts" in needs else None)
    if "prompts" in needs and not project.prompts.exists():
        raise RunInvalid(
            "checkpoint", "The project has no prompts to answer yet. Import some first."
        )
    if "preferences" in needs:
        snapshot = snapshot or freeze_snapshot(project, filters or {}, user)
        if snapshot.project_id != project.pk:
            raise RunInvalid("snapshot", "This snapshot belongs to another project.")
        if not snapshot.counts["train"]["pairs"]:
            raise RunInvalid(
                "snapshot", "It holds no judged pairs to train on yet. Judge some pairs first."
            )
    defaults = {
        "project": project,
        "algorithm": algorithm,
        "config": asdict(values),
        "checkpoint": checkpoint,
        "opponent": opponent if "prompts" in needs else None,
        "snapshot": snapshot if "preferences" in needs else None,
        "round": project.items.aggregate(last=Max("round"))["last"] or 0,
        "created_by": user,
    }
    if request_key is None:
        return Run.objects.create(**defaults)
    run, _ = Run.objects.get_or_create(request_key=request_key, defaults=defaults)
    return run


def checked_config(algorithm: str, config: Mapping[str, Any]) -> RunConfig:
    try:
        return load_config(algorithm, dict(config))
    except ConfigError as error:
        raise RunInvalid(error.field, error.message) from error


def check_models(project: Project, checkpoint: Checkpoint, opponent: Checkpoint | None) -> None:
    for field, model in (("checkpoint", checkpoint), ("opponent", opponent)):
        if model is None:
            continue
        if model.project_id not in (None, project.pk):
            raise RunInvalid(field, "This checkpoint belongs to another project.")
        if model.role != Checkpoint.Role.POLICY:
            raise RunInvalid(field, "This is a reward model: it scores texts and writes none.")
    if opponent is not None and opponent.pk == checkpoint.pk:
        raise RunInvalid("opponent", "Choose another checkpoint than the one that is sampled from.")


@transaction.atomic
def start_run(run: Run, *, tell_worker: bool = True) -> None:
    """draft → queued; the worker is told only once this transaction is in.

    Who carries the run out in this very process tells no worker.
    """
    moved = Run.objects.filter(pk=run.pk, status=Run.Status.DRAFT).update(
        status=Run.Status.QUEUED, queued=Now(), heartbeat=Now(), losses=0
    )
    if not moved:
        raise NotNow("This run was started before.")
    if tell_worker:
        knock.run_is_queued(run.pk)


@transaction.atomic
def resume_run(run: Run) -> None:
    """Queue a failed or cancelled run again; it goes on from its last complete checkpoint."""
    resumable = (Run.Status.FAILED, Run.Status.CANCELLED)
    moved = Run.objects.filter(pk=run.pk, status__in=resumable).update(
        status=Run.Status.QUEUED,
        queued=Now(),
        heartbeat=Now(),
        finished=None,
        cancel_requested=None,
        losses=0,
        error="",
        result={},
    )
    if not moved:
        raise NotNow("Only a failed or cancelled run can be resumed.")
    knock.run_is_queued(run.pk)


@transaction.atomic
def cancel_run(run: Run) -> None:
    """Cancel at once what has not begun; ask a running engine to finish its step and save."""
    waiting = (Run.Status.DRAFT, Run.Status.QUEUED)
    if Run.objects.filter(pk=run.pk, status__in=waiting).update(
        status=Run.Status.CANCELLED, cancel_requested=Now(), finished=Now()
    ):
        return
    running = Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING)
    if not running.exists():
        raise NotNow("This run has already ended.")
    running.filter(cancel_requested=None).update(cancel_requested=Now())
