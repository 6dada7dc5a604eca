"""The researcher's pages about training: parse, call one service or query, render."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    JsonResponse,
    StreamingHttpResponse,
)
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import permissions
from annotation.exports.filters import FilterInvalid
from annotation.forms_filters import FilterForm
from annotation.models import Project
from training import archive, queries, registry, services
from training import results as win_rates
from training.engine.rundir import RunDir
from training.forms import CheckpointForm, LaunchForm
from training.models import Checkpoint, Run

SPLITS = {"test": "Test split", "train": "Training split", "all": "Everything"}
DOWNLOADABLE = (Checkpoint.Origin.RUN, Checkpoint.Origin.DEMO, Checkpoint.Origin.HUB)


def researched(request: HttpRequest, slug: str) -> Project:
    """The project, if the reader may do research in it."""
    project = queries.project_for(request.user, slug)
    permissions.require(request.user, "research", project)
    return project


def signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # login_required saw to it
    return request.user


# --- runs -----------------------------------------------------------------------------------------


@require_safe
@login_required
def run_list(request: HttpRequest, slug: str) -> HttpResponse:
    project = researched(request, slug)
    page = queries.run_list(project, max(1, number_in(request.GET.get("page", "")) or 1))
    context = {"project": project, "section": "training", "page": page}
    return render(request, "training/run_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def run_new(request: HttpRequest, slug: str, algorithm: str) -> HttpResponse:
    project = researched(request, slug)
    registry.demo_checkpoint()  # there is always one model to start from
    page = queries.launch(project, algorithm)
    form = LaunchForm(request.POST or None, page=page, initial=request.GET.dict())
    if form.is_valid() and (run := started(request, project, form)):
        return redirect("training:run", project.slug, run.pk)
    return render(
        request,
        "training/run_new.html",
        {"project": project, "section": "training", "page": page, "form": form},
        status=422 if form.is_bound else 200,
    )


def started(request: HttpRequest, project: Project, form: LaunchForm) -> Run | None:
    """Make and start the run of a valid form; say at the field what cannot be."""
    page, chosen = form.page, form.cleaned_data
    models = {checkpoint.pk: checkpoint for checkpoint in page.checkpoints}
    snapshots = {snapshot.pk: snapshot for snapshot in page.snapshots}
    try:
        run = services.create_run(
            project,
            page.algorithm,
            chosen["config"],
            models[chosen["checkpoint"]],
            opponent=models.get(chosen.get("opponent") or 0),
            snapshot=snapshots.get(chosen.get("snapshot") or 0),
            user=signed_in(request),
            request_key=chosen["request_key"],
        )
    except services.RunInvalid as error:
        form.refuse(error.field, error.message)
        return None
    if run.status == Run.Status.DRAFT:  # a form sent twice finds it started
        services.start_run(run)
    return run


@require_safe
@login_required
def run(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    project = researched(request, slug)
    page = queries.run_page(queries.run_in(project, pk))
    context = {"project": project, "section": "training", "page": page, "live": page.live}
    return render(request, "training/run.html", context)


@require_safe
@login_required
def live(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The part of the run page that polls itself; the end of the run asks for the whole page."""
    project = researched(request, slug)
    page = queries.live_run(queries.run_in(project, pk))
    response = render(request, "training/_run_live.html", {"project": project, "live": page})
    if not page.run.is_live:
        response["HX-Refresh"] = "true"
    return response


@require_safe
@login_required
def metrics(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    project = researched(request, slug)
    after = number_in(request.GET.get("after", ""))
    curves = queries.run_curves(queries.run_in(project, pk), after)
    return JsonResponse(curves)


@require_safe
@login_required
def log(request: HttpRequest, slug: str, pk: int) -> FileResponse:
    """The whole output of the run's last attempt, as plain text."""
    run = queries.run_in(researched(request, slug), pk)
    path = RunDir(run.folder, max(run.attempt, 1)).output_path
    if not path.exists():
        raise Http404("This run has not written anything yet.")
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=f"run_{run.pk}_attempt_{run.attempt}.log",
        content_type="text/plain; charset=utf-8",
    )


@require_POST
@login_required
def cancel(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    run = queries.run_in(researched(request, slug), pk)
    try:
        services.cancel_run(run)
    except services.NotNow as error:
        messages.warning(request, str(error))
    return redirect("training:run", slug, pk)


@require_POST
@login_required
def resume(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    run = queries.run_in(researched(request, slug), pk)
    try:
        services.resume_run(run)
    except services.NotNow as error:
        messages.warning(request, str(error))
    return redirect("training:run", slug, pk)


@require_safe
@login_required
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    project = researched(request, slug)
    chosen = chosen_runs(request)
    page = queries.compare(project, chosen)
    context = {"project": project, "section": "training", "page": page, "chosen": chosen}
    return render(request, "training/compare.html", context)


@require_safe
@login_required
def compare_metrics(request: HttpRequest, slug: str) -> HttpResponse:
    page = queries.compare(researched(request, slug), chosen_runs(request))
    return JsonResponse(queries.compared_curves([row.run for row in page.runs]))


def chosen_runs(request: HttpRequest) -> list[int]:
    named = map(number_in, request.GET.getlist("run")[:8])
    return [pk for pk in named if pk is not None]


def number_in(text: str) -> int | None:
    """The whole number of an address; None where it is none, or more than a database counts to."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


# --- checkpoints ----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def checkpoints(request: HttpRequest, slug: str) -> HttpResponse:
    project = researched(request, slug)
    registry.demo_checkpoint()  # there is always one model to start from
    form = CheckpointForm(request.POST or None)
    if form.is_valid():
        try:
            added = services.register_checkpoint(project, **form.cleaned_data)
        except registry.CheckpointInvalid as error:
            form.add_error("location", str(error))
        else:
            messages.success(request, f"{added.label} is registered.")
            return redirect("training:checkpoints", project.slug)
    return render(
        request,
        "training/checkpoints.html",
        {
            "project": project,
            "section": "training",
            "page": queries.checkpoint_list(project),
            "form": form,
        },
        status=422 if form.is_bound else 200,
    )


@require_safe
@login_required
def checkpoints_live(request: HttpRequest, slug: str) -> HttpResponse:
    project = researched(request, slug)
    context = {"project": project, "page": queries.checkpoint_list(project)}
    return render(request, "training/_checkpoints.html", context)


@require_POST
@login_required
def fetch(request: HttpRequest, slug: str, checkpoint: str) -> HttpResponse:
    services.fetch_checkpoint(queries.checkpoint_in(researched(request, slug), checkpoint))
    return redirect("training:checkpoints", slug)


@require_safe
@login_required
def download(request: HttpRequest, slug: str, checkpoint: str) -> StreamingHttpResponse:
    """The checkpoint's Hugging Face folder as a ZIP, made while it is sent."""
    chosen = queries.checkpoint_in(researched(request, slug), checkpoint)
    if chosen.origin not in DOWNLOADABLE or not registry.is_here(chosen):
        raise Http404("This checkpoint cannot be downloaded.")
    response = StreamingHttpResponse(
        archive.stream(chosen.folder, chosen.slug), content_type="application/zip"
    )
    response["Content-Disposition"] = f'attachment; filename="{chosen.slug}.zip"'
    return response


# --- snapshots and results ------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def snapshots(request: HttpRequest, slug: str) -> HttpResponse:
    project = researched(request, slug)
    page = queries.snapshot_list(project)
    form = FilterForm(request.POST if request.method == "POST" else None, choices=page.choices)
    if form.is_valid():
        try:
            frozen = services.freeze_snapshot(project, form.filters(), signed_in(request))
        except FilterInvalid as error:
            form.add_error(error.field, error.message)
        else:
            messages.success(request, f"Snapshot {frozen.number} holds what is judged now.")
            return redirect("training:snapshots", project.slug)
    return render(
        request,
        "training/snapshots.html",
        {"project": project, "section": "training", "page": page, "form": form},
        status=422 if form.is_bound else 200,
    )


@require_safe
@login_required
def results(request: HttpRequest, slug: str) -> HttpResponse:
    project = researched(request, slug)
    split = request.GET.get("split", "test")
    page = win_rates.results(project, split if split in SPLITS else "test")
    context = {"project": project, "section": "results", "page": page, "splits": SPLITS}
    return render(request, "training/results.html", context)
