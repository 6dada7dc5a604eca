"""events.jsonl → Metric, Sample, Checkpoint and the run's own row.

Rows and the byte offset behind them are written in one transaction, under the run's lock and only
while the attempt still holds the run: a crash repeats and loses nothing, a stale worker writes
nothing. A half-written last line waits. Everything is an upsert, so taking a file in again, as a
resumed run does, changes nothing.
"""

import json
import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from training.engine.configs import ALGORITHMS
from training.engine.rundir import RunDir, whole_lines
from training.models import Checkpoint, Metric, Run, Sample

CHUNK = 500  # rows a statement
REPORTED = (
    *("phase", "done", "total", "eta_seconds", "versions", "result"),
    *("events_offset", "heartbeat"),
)


class Fenced(RuntimeError):
    """Another attempt owns the run, or a person ended it: nothing may be written any more."""


class BadEvent(ValueError):
    """The engine wrote something that cannot be taken in."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a run: good for as long as the row carries this attempt number."""

    run_id: int
    attempt: int


def pull(claim: Claim, run_dir: RunDir) -> int:
    """Take in what the engine has written since the last call; return the number of events.

    Raises Fenced when the claim is lost and BadEvent for a line that makes no sense.
    """
    held = Run.objects.held(claim.run_id, claim.attempt)
    offset = held.values_list("events_offset", flat=True).first()
    if offset is None:
        raise Fenced(f"attempt {claim.attempt} no longer holds run {claim.run_id}")
    events, _ = read_events(run_dir, offset)
    if not events:
        return 0
    with transaction.atomic():
        run = held.select_for_update().select_related("project", "checkpoint").first()
        if run is None:
            raise Fenced(f"attempt {claim.attempt} no longer holds run {claim.run_id}")
        events, run.events_offset = read_events(run_dir, run.events_offset)
        take_in(run, events)
        run.heartbeat = Now()
        run.save(update_fields=REPORTED)
    return len(events)


def absorb_earlier_attempts(claim: Claim, run_dir: RunDir) -> None:
    """Take in what earlier attempts wrote and nobody read before their worker died."""
    for attempt in range(1, claim.attempt):
        events, _ = read_events(RunDir(run_dir.path, attempt), 0)
        lasting = [
            event for event in events if event["event"] in ("metrics", "sample", "checkpoint")
        ]
        if not lasting:
            continue
        with transaction.atomic():
            held = Run.objects.held(claim.run_id, claim.attempt).select_for_update()
            run = held.select_related("project", "checkpoint").first()
            if run is None:
                raise Fenced(f"attempt {claim.attempt} no longer holds run {claim.run_id}")
            take_in(run, lasting)


def read_events(run_dir: RunDir, offset: int) -> tuple[list[dict[str, Any]], int]:
    try:
        return whole_lines(run_dir.events_path, offset)
    except json.JSONDecodeError as error:
        raise BadEvent(
            f"{run_dir.events_path.name} holds a line that is no JSON: {error}"
        ) from error


def take_in(run: Run, events: list[dict[str, Any]]) -> None:
    """Write the rows that the events stand for; the run's own fields are set, not saved."""
    metrics: dict[tuple[str, int], Metric] = {}
    samples: dict[tuple[int, int, str, int], Sample] = {}
    for event in events:
        match event.get("event"):
            case "phase":
                run.phase = str(event["name"])[:100]
                run.done, run.total = int(event["done"]), int(event["total"])
                run.eta_seconds = event.get("eta_seconds")
            case "metrics":
                for name, value in event["values"].items():
                    check_finite(name, value)
                    step = int(event["step"])
                    metrics[name, step] = Metric(run=run, name=name[:100], step=step, value=value)
            case "sample":
                sample = sample_from(run, event)
                samples[sample.step, sample.prompt_id, sample.model, sample.index] = sample
            case "checkpoint":
                if event["is_final"]:
                    register_final(run, event)
            case "versions":
                run.versions = event["values"]
            case "result":
                for name, value in event["metrics"].items():
                    check_finite(name, value)
                run.result = event["metrics"]
            case other:
                raise BadEvent(f"unknown event {other!r}")
    check_prompts(run, {sample.prompt_id for sample in samples.values()})
    Metric.objects.bulk_create(
        metrics.values(),
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["run", "name", "step"],
        update_fields=["value"],
    )
    Sample.objects.bulk_create(
        samples.values(),
        batch_size=CHUNK,
        update_conflicts=True,
        unique_fields=["run", "step", "prompt", "model", "index"],
        update_fields=["text", "token_ids", "logprob", "is_truncated"],
    )


def check_finite(name: str, value: object) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadEvent(f"{name} is {value}: only finite numbers are kept")


def sample_from(run: Run, event: dict[str, Any]) -> Sample:
    check_finite("logprob", event.get("logprob"))
    return Sample(
        run=run,
        step=int(event["step"]),
        prompt_id=int(event["prompt_id"]),
        model=str(event["model"])[:16],
        index=int(event["index"]),
        text=str(event["text"]).replace("\x00", "\ufffd"),  # PostgreSQL keeps no NUL
        token_ids=event["token_ids"],
        logprob=event.get("logprob"),
        is_truncated=bool(event["is_truncated"]),
    )


def check_prompts(run: Run, prompt_ids: set[int]) -> None:
    known = set(run.project.prompts.filter(pk__in=prompt_ids).values_list("pk", flat=True))
    if unknown := prompt_ids - known:
        raise BadEvent(f"a sample answers prompt {min(unknown)}, which the project does not have")


def register_final(run: Run, event: dict[str, Any]) -> Checkpoint:
    """The finished weights become a checkpoint that can be trained on, sampled from, downloaded."""
    path = PurePosixPath(event["path"])
    if path.is_absolute() or ".." in path.parts:
        raise BadEvent(f"a checkpoint lies outside the run's folder: {path}")
    facts = {
        "attempt": run.attempt,
        "role": Checkpoint.Role(event["role"]),
        "location": f"{run.pk}/{path}/model",
        "is_adapter": bool(event["is_adapter"]),
        "sha256": str(event["sha256"]),
        "size_bytes": int(event["size_bytes"]),
    }
    checkpoint, _ = Checkpoint.objects.update_or_create(
        run=run,
        step=int(event["step"]),
        defaults=facts,
        create_defaults=facts
        | {
            "slug": free_slug(f"{run.project.slug}_{run.algorithm}_{run.pk}"),
            "label": f"{ALGORITHMS[run.algorithm].LABEL} run {run.pk}",
            "project": run.project,
            "origin": Checkpoint.Origin.RUN,
            "status": Checkpoint.Status.READY,
            "progress": 1.0,
            "parent": run.checkpoint,
        },
    )
    return checkpoint


def free_slug(wanted: str) -> str:
    slug = wanted
    while Checkpoint.objects.filter(slug=slug).exists():
        slug += "_x"
    return slug
