"""What the pages about training show: one function a page, frozen dataclasses out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.http import Http404
from django.utils import timezone

from annotation.models import Project, Prompt
from annotation.queries_data import FilterChoices, filter_choices
from annotation.rendering import render
from training import charts
from training.engine.configs import ALGORITHMS
from training.engine.rundir import RunDir
from training.launcher import log_tail
from training.models import Checkpoint, Metric, Run, Sample, Snapshot

PAGE = 50
SAMPLES_SHOWN = 12
PHASES = {
    "preparing": "Preparing the data",
    "load": "Loading the model",
    "reference": "Asking the starting model",
    "evaluate": "Testing on held-out judgements",
    "train": "Training",
    "sample": "Writing answers",
    "save": "Saving",
    "finish": "Finishing",
}


class NotFound(LookupError):
    """There is no such thing; the message names it."""


# --- single rows, for commands and views ----------------------------------------------------------


def project_of(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise NotFound(f"There is no project {slug}.")
    return project


def project_for(user: User | AnonymousUser, slug: str) -> Project:
    """The project, if this person has anything to do with it; absent and foreign look alike."""
    project = Project.objects.visible_to(user).filter(slug=slug).first()
    if project is None:
        raise Http404("No such project.")
    return project


def checkpoint_of(reference: str) -> Checkpoint:
    """A checkpoint by its id or slug."""
    wanted = Q(pk=int(reference)) if reference.isdecimal() else Q(slug=reference)
    checkpoint = Checkpoint.objects.filter(wanted).first()
    if checkpoint is None:
        raise NotFound(f"There is no checkpoint {reference}.")
    return checkpoint


def usable_checkpoints(project: Project) -> QuerySet[Checkpoint]:
    """The project's own checkpoints and those for all."""
    return Checkpoint.objects.filter(Q(project=project) | Q(project=None))


def checkpoint_in(project: Project, slug: str) -> Checkpoint:
    checkpoint = usable_checkpoints(project).filter(slug=slug).first()
    if checkpoint is None:
        raise Http404("No such checkpoint.")
    return checkpoint


def run_of(pk: int) -> Run:
    return Run.objects.get(pk=pk)


def run_in(project: Project, pk: int) -> Run:
    run = (
        project.runs.select_related("checkpoint", "opponent", "snapshot", "created_by", "follows")
        .filter(pk=pk)
        .first()
    )
    if run is None:
        raise Http404("No such run.")
    return run


def outcome(run: Run) -> dict[str, Any]:
    """What the command line prints at the end of a run."""
    final = run.checkpoints.order_by("-step").first()
    return {
        "run": run.pk,
        "status": run.status,
        "checkpoint": final.slug if final else None,
        "metrics": run.result,
    }


# --- the list of runs -----------------------------------------------------------------------------


@dataclass(frozen=True)
class RunRow:
    run: Run
    label: str
    headline: str


@dataclass(frozen=True)
class RunList:
    rows: list[RunRow]
    page: int
    has_more: bool
    is_live: bool
    judged: dict[str, int]


def run_list(project: Project, page: int = 1) -> RunList:
    runs = project.runs.select_related("checkpoint", "opponent", "snapshot", "created_by")
    start = (page - 1) * PAGE
    found = list(runs[start : start + PAGE + 1])
    return RunList(
        rows=[RunRow(run, label_of(run), headline(run)) for run in found[:PAGE]],
        page=page,
        has_more=len(found) > PAGE,
        is_live=any(run.is_live for run in found),
        judged=judged_now(project),
    )


def label_of(run: Run) -> str:
    return ALGORITHMS[run.algorithm].LABEL if run.algorithm in ALGORITHMS else run.algorithm


def headline(run: Run) -> str:
    """The one number a run is remembered by."""
    result = run.result
    if run.algorithm == "sample" and "items_queued" in result:
        count = result["items_queued"]
        return f"{count} {'pair' if count == 1 else 'pairs'} queued for judging"
    if "test_accuracy" in result:
        accuracy = charts.percent(result["test_accuracy"])
        words = [accuracy, charts.spread_of(result), "held-out accuracy"]
        n = f" (n = {result['test_n']:.0f})" if "test_n" in result else ""
        return " ".join(filter(None, words)) + n
    return ""


def judged_now(project: Project) -> dict[str, int]:
    """Judged items by split: what a snapshot taken now would hold at most."""
    judged = project.items.filter(answer_count__gt=0, gold=None).values_list("prompt__split")
    counts = dict(judged.annotate(Count("pk")).order_by())
    return {split: counts.get(split, 0) for split in ("train", "test")}


# --- one run --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LiveRun:
    """What changes while a run is under way."""

    run: Run
    label: str
    phase: str
    share: float | None
    eta: str
    is_stopping: bool
    is_waiting: bool
    waits_long: bool
    fetching: Checkpoint | None
    reason: str
    figures: list[charts.Figure]
    log: str
    can_resume: bool
    saved_step: int | None


def live_run(run: Run) -> LiveRun:
    waiting = run.status == Run.Status.QUEUED
    return LiveRun(
        run=run,
        label=label_of(run),
        phase=PHASES.get(run.phase, run.phase),
        share=run.done / run.total if run.total else None,
        eta=f"{duration(run.eta_seconds)} left" if run.eta_seconds is not None else "",
        is_stopping=bool(run.is_live and run.cancel_requested),
        is_waiting=waiting,
        waits_long=bool(
            waiting and run.queued and run.queued < timezone.now() - timedelta(seconds=45)
        ),
        fetching=next(
            (
                model
                for model in (run.checkpoint, run.opponent)
                if run.is_live and model and model.status == Checkpoint.Status.FETCHING
            ),
            None,
        ),
        reason=run.error.strip().rsplit("\n", 1)[-1] if run.error else "",
        figures=charts.figures(run.result, latest_values(run) if run.is_live else {}),
        log=log_tail(RunDir(run.folder, max(run.attempt, 1)).output_path),
        can_resume=run.status in (Run.Status.FAILED, Run.Status.CANCELLED) and run.attempt > 0,
        saved_step=saved_step(run),
    )


def duration(seconds: float) -> str:
    """A length of time as one would say it."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds, -1):.0f} s"
    if seconds < 90 * 60:
        return f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.1f} h"


def latest_values(run: Run) -> dict[str, float]:
    """The newest value of each metric."""
    last = run.metrics.filter(name=OuterRef("name")).order_by("-step").values("value")[:1]
    names = run.metrics.order_by().values("name").annotate(step=Max("step"))
    return {row["name"]: row["value"] for row in names.annotate(value=Subquery(last))}


def saved_step(run: Run) -> int | None:
    """The last complete checkpoint that a resumed run would go on from."""
    folder = run.folder / "checkpoints"
    steps = [
        int(path.name.removeprefix("step-"))
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name.startswith("step-") and path.name[5:].isdigit()
    ]
    return max(steps, default=None)


@dataclass(frozen=True)
class Shown:
    """A text, rendered, and whether it was cut at the longest allowed length."""

    html: str
    is_truncated: bool
    logprob: float | None = None


@dataclass(frozen=True)
class SampleRow:
    """A prompt and what the models said to it."""

    prompt: Prompt
    question: str
    policy: list[Shown]
    opponent: list[Shown]


@dataclass(frozen=True)
class RunPage:
    live: LiveRun
    config: list[tuple[str, Any, bool]]
    checkpoints: list[Checkpoint]
    followers: list[RunRow]
    samples: list[SampleRow]
    sample_prompts: int
    items: dict[str, int] | None
    others: list[Run]


def run_page(run: Run) -> RunPage:
    defaults = ALGORITHMS[run.algorithm]() if run.algorithm in ALGORITHMS else None
    followers = run.followed_by.order_by("pk")
    return RunPage(
        live=live_run(run),
        config=[
            (name, value, value != getattr(defaults, name, value))
            for name, value in run.config.items()
        ],
        checkpoints=list(run.checkpoints.order_by("step")),
        followers=[RunRow(other, label_of(other), headline(other)) for other in followers],
        samples=samples_shown(run),
        sample_prompts=run.samples.order_by().values("prompt").distinct().count(),
        items=items_of(run) if run.algorithm == "sample" else None,
        others=list(
            run.project.runs.filter(algorithm=run.algorithm).exclude(pk=run.pk).only("pk")[:8]
        ),
    )


def samples_shown(run: Run) -> list[SampleRow]:
    """The samples of the first prompts; beside them what the opponent says."""
    prompt_ids = run.samples.order_by("prompt_id").values_list("prompt_id", flat=True).distinct()
    chosen = list(prompt_ids[:SAMPLES_SHOWN])
    samples: dict[tuple[int, str], list[Sample]] = defaultdict(list)
    for sample in run.samples.filter(prompt__in=chosen).select_related("prompt"):
        samples[sample.prompt_id, sample.model].append(sample)
    rows = []
    markdown = run.project.render_markdown
    for pk in chosen:
        mine, theirs = samples[pk, "policy"], samples[pk, "opponent"]
        if not mine:
            continue
        prompt = mine[0].prompt
        rows.append(
            SampleRow(
                prompt=prompt,
                question=prompt.messages[-1]["content"],
                policy=[shown(sample, markdown) for sample in mine],
                opponent=[shown(sample, markdown) for sample in theirs],
            )
        )
    return rows


def shown(sample: Sample, markdown: bool) -> Shown:
    return Shown(
        html=render(sample.text, markdown=markdown) if sample.text.strip() else "",
        is_truncated=sample.is_truncated,
        logprob=sample.logprob,
    )


def items_of(run: Run) -> dict[str, int]:
    """How many pairs a sampling run queued, and how many of them are judged."""
    items = run.project.items.filter(key__startswith=f"sample:{run.pk}:")
    return items.aggregate(queued=Count("pk"), judged=Count("pk", filter=Q(answer_count__gt=0)))


# --- curves ---------------------------------------------------------------------------------------


def run_curves(run: Run, after: int | None = None) -> dict[str, Any]:
    """The curves of a run, thinned to what a screen shows; only behind step `after` if given."""
    series = read_series([run.pk], after)[run.pk]
    last = max((steps[-1] for steps, _ in series.values()), default=after)
    return {"live": run.is_live, "last": last, "panels": charts.panels(series)}


def compared_curves(runs: Sequence[Run]) -> dict[str, Any]:
    """The same metric of several runs in one panel."""
    series = read_series([run.pk for run in runs])
    labelled = {f"{label_of(run)} {run.pk}": series[run.pk] for run in runs}
    return {"live": any(run.is_live for run in runs), "panels": charts.compared(labelled)}


def read_series(
    run_ids: Sequence[int], after: int | None = None
) -> dict[int, dict[str, charts.Points]]:
    found: dict[int, dict[str, charts.Points]] = {
        pk: defaultdict(lambda: ([], [])) for pk in run_ids
    }
    metrics = Metric.objects.filter(run__in=run_ids)
    if after is not None:
        metrics = metrics.filter(step__gt=after)
    rows = metrics.order_by("step").values_list("run", "name", "step", "value")
    for pk, name, step, value in rows.iterator():
        steps, values = found[pk][name]
        steps.append(step)
        values.append(value)
    return {
        pk: {name: charts.thin(points) for name, points in series.items()}
        for pk, series in found.items()
    }


@dataclass(frozen=True)
class Comparison:
    runs: list[RunRow]
    tables: list[tuple[str, list[tuple[str, list[Any]]]]]
    choices: list[RunRow]


def compare(project: Project, pks: Sequence[int]) -> Comparison:
    """Runs beside each other: what was set differently, and what came of it."""
    runs = list(
        project.runs.filter(pk__in=pks).select_related("checkpoint", "snapshot").order_by("pk")
    )
    settings = [
        {
            "algorithm": label_of(run),
            "checkpoint": run.checkpoint.label,
            "snapshot": f"Snapshot {run.snapshot.number}" if run.snapshot else "",
            **run.config,
        }
        for run in runs
    ]
    return Comparison(
        runs=[RunRow(run, label_of(run), headline(run)) for run in runs],
        tables=[
            ("Settings", [row for row in beside(settings) if len(set(map(str, row[1]))) > 1]),
            ("Results", beside([rounded(run.result) for run in runs])),
        ],
        choices=[
            RunRow(run, label_of(run), headline(run))
            for run in project.runs.exclude(algorithm="sample").select_related("checkpoint")[:30]
        ],
    )


def rounded(result: dict[str, Any]) -> dict[str, Any]:
    return {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in result.items()}


def beside(facts: Sequence[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    names = dict.fromkeys(name for one in facts for name in one)
    return [(name, [one.get(name, "") for one in facts]) for name in names]


# --- checkpoints and snapshots --------------------------------------------------------------------


@dataclass(frozen=True)
class CheckpointList:
    checkpoints: list[Checkpoint]
    is_live: bool


def checkpoint_list(project: Project) -> CheckpointList:
    found = list(usable_checkpoints(project).select_related("parent", "run"))
    wanted = [c for c in found if c.status == Checkpoint.Status.FETCHING]
    return CheckpointList(found, is_live=bool(wanted))


@dataclass(frozen=True)
class SnapshotList:
    snapshots: list[Snapshot]
    judged: dict[str, int]
    choices: FilterChoices


def snapshot_list(project: Project) -> SnapshotList:
    return SnapshotList(
        snapshots=list(
            project.snapshots.select_related("created_by").annotate(run_count=Count("runs"))
        ),
        judged=judged_now(project),
        choices=filter_choices(project),
    )


@dataclass(frozen=True)
class Launch:
    """What a run can be made of."""

    algorithm: str
    label: str
    checkpoints: list[Checkpoint]
    snapshots: list[Snapshot]
    judged: dict[str, int]
    prompts: int


def launch(project: Project, algorithm: str) -> Launch:
    if algorithm not in ALGORITHMS:
        raise Http404("No such algorithm.")
    usable = usable_checkpoints(project).filter(role=Checkpoint.Role.POLICY)
    return Launch(
        algorithm=algorithm,
        label=ALGORITHMS[algorithm].LABEL,
        # Newest first; those that are for all projects come last.
        checkpoints=sorted(usable, key=lambda checkpoint: checkpoint.project_id is None),
        snapshots=list(project.snapshots.all()[:PAGE]),
        judged=judged_now(project),
        prompts=project.prompts.count(),
    )
