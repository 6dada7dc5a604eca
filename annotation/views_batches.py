"""A project's batches: parse, call one service or query, render."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation import queries, queries_batches, services
from annotation.forms_batches import BatchActionForm, BatchForm, BatchTermsForm
from annotation.models import Batch, Project
from annotation.views import SignedIn, form_status

ACTS: dict[str, tuple[Callable[[Batch], None], str]] = {
    "pause": (services.pause_batch, "{} is paused. Turns that are open may still end."),
    "resume": (services.resume_batch, "{} goes on."),
    "close": (services.close_batch, "{} is closed. Turns that are open may still end."),
    "reopen": (services.reopen_batch, "{} is open again."),
    "up": (lambda b: services.set_batch_priority(b, b.priority + 1), "{} comes earlier now."),
    "down": (lambda b: services.set_batch_priority(b, b.priority - 1), "{} comes later now."),
}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def batches(request: SignedIn, slug: str) -> HttpResponse:
    """The batches and how far each is; POST starts one."""
    project = queries.find_project(slug, request.user, "research")
    form = BatchForm(request.POST or None, project=project)
    if form.is_valid() and (account := _started(project, form, request)):
        messages.success(request, account)
        return redirect("batches", slug)
    context = {
        "project": project,
        "section": "data",
        "lines": queries_batches.batches_page(project),
        "form": form,
    }
    return render(request, "annotation/batches.html", context, status=form_status(form))


def _started(project: Project, form: BatchForm, request: SignedIn) -> str | None:
    """Start the batch; what was done in a sentence, or None and an error in the form."""
    chosen = form.cleaned_data
    try:
        batch = services.add_batch(
            project,
            chosen["name"],
            priority=chosen["priority"],
            opens=chosen["opens"],
            closes=chosen["closes"],
            people=form.people_chosen(),
            user=request.user,
        )
    except services.ContentInvalid as refusal:
        form.add_error("name", str(refusal))
        return None
    items = queries_batches.items_to_take_in(project, chosen["take_in"])
    count = services.put_into_batch(batch, items)
    return f"{batch} is there, with {count} item{'' if count == 1 else 's'}."


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def batch(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """One batch: when it is asked, and of whom."""
    project = queries.find_project(slug, request.user, "research")
    line = queries_batches.batch_line(project, pk)
    initial = {
        "opens": line.batch.opens,
        "closes": line.batch.closes,
        "people": [str(person.pk) for person in line.batch.people.all()],
    }
    sent = request.POST if request.method == "POST" else None
    form = BatchTermsForm(sent, initial=initial, project=project)
    if form.is_valid() and not request.POST.get("terms"):
        # Nothing at all would read as: at once, without end, everybody.
        form.add_error(None, "Nothing came of the form. Load the page and try again.")
    if form.is_valid():
        services.set_batch_terms(
            line.batch,
            opens=form.cleaned_data["opens"],
            closes=form.cleaned_data["closes"],
            people=form.people_chosen(),
        )
        messages.success(request, "Saved.")
        return redirect("batch", slug, pk)
    context = {"project": project, "section": "data", "line": line, "form": form}
    return render(request, "annotation/batch.html", context, status=form_status(form))


@login_required
@never_cache
@require_POST
def batch_act(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Pause, resume, close, reopen a batch, or ask it earlier or later."""
    project = queries.find_project(slug, request.user, "research")
    found = queries_batches.find_batch(project, pk)
    form = BatchActionForm(request.POST)
    if form.is_valid():
        act, account = ACTS[form.cleaned_data["action"]]
        act(found)
        messages.success(request, account.format(found))
    else:
        messages.error(request, "Choose what to do with the batch.")
    return redirect("batches", slug)
