"""Building items: parse, call the service, render."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import queries_builders, services
from annotation.forms_builders import BuildForm
from annotation.models import Project
from annotation.queries import find_project
from annotation.queries_batches import batch_choices

MAX_PROMPTS = 5_000  # looked at while somebody waits for the page


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def build_items(request: HttpRequest, slug: str) -> HttpResponse:
    """How the arms stand, and the form that queues more items."""
    project = find_project(slug, request.user, "research")
    form = BuildForm(request.POST if request.method == "POST" else None, project=project)
    if form.is_valid() and (built := _built(project, form)):
        messages.success(request, _account(built))
        return redirect("build_items", slug)
    names = batch_choices(project)
    shown = request.GET.get("batch", "")
    shown = shown if shown in names else ""
    context = {
        "project": project,
        "section": "data",
        "form": form,
        "arms": queries_builders.arms_page(project, shown),
        "batches": names,
        "shown_batch": shown,
    }
    return render(
        request, "annotation/build_items.html", context, status=422 if form.errors else 200
    )


def _built(project: Project, form: BuildForm) -> services.Built | None:
    try:
        with transaction.atomic():
            wish = form.wish()
            if name := form.cleaned_data["batch"]:
                wish["batch"] = services.get_or_add_batch(project, name)
            return services.build_items(project, **wish, max_prompts=MAX_PROMPTS)
    except services.ContentInvalid as refusal:
        form.add_error(None, str(refusal))
        return None


def _account(built: services.Built) -> str:
    if not built.chosen and not built.control:
        return "Nothing new to ask was found. More responses to the prompts would help."
    return f"Queued: {built.chosen} chosen, {built.control} at random."
