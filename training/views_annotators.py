"""Where an annotator's answers were used: a part of the annotator's page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation.queries import find_project
from annotation.queries_annotator import find_annotator
from training.queries_annotators import snapshots_with


@login_required
@never_cache
@require_safe
def annotator_runs(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """The runs that used this person's answers; the part alone where the page asks for it."""
    project = find_project(slug, request.user, "research")
    person = find_annotator(project, pk)
    context = {
        "project": project,
        "section": "results",
        "member": person,
        "used": snapshots_with(project, person),
    }
    is_part = request.headers.get("HX-Request") == "true"
    template = "training/_annotator_runs.html" if is_part else "training/annotator_runs.html"
    return render(request, template, context)
