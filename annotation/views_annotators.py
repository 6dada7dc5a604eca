"""How reliable annotators are, and what is done about it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation import queries_annotator, queries_annotators, services
from annotation.csv_text import csv_file
from annotation.forms_annotators import AnnotatorForm
from annotation.models import Project
from annotation.queries import find_project
from annotation.views import SignedIn, form_errors


@login_required
@never_cache
@require_safe
def annotators(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody's reliability, and what looks suspicious."""
    project = find_project(slug, request.user, "research")
    page = queries_annotators.annotators_page(project)
    context = {"project": project, "section": "results", "page": page}
    return render(request, "annotation/annotators.html", context)


@login_required
@never_cache
@require_safe
def annotators_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """The table of the page as a file."""
    project = find_project(slug, request.user, "research")
    return csv_file(f"{project.slug}_annotators.csv", queries_annotators.csv_of(project))


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def annotator(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """One person with the evidence. POST weighs their answers, pauses them, or ends a pause."""
    project = find_project(slug, request.user, "manage" if request.method == "POST" else "research")
    person = queries_annotator.find_annotator(project, pk)
    form = AnnotatorForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        _act(request, project, person, form)
        is_from_list = form.cleaned_data["back"] == "list"
        return redirect("annotators", slug) if is_from_list else redirect("annotator", slug, pk)
    context = {
        "project": project,
        "section": "results",
        "member": person,
        "page": queries_annotator.annotator_page(project, person),
        "errors": form_errors(form) if form.is_bound else {},
    }
    status = 422 if form.is_bound else 200
    return render(request, "annotation/annotator.html", context, status=status)


def _act(request: SignedIn, project: Project, person: User, form: AnnotatorForm) -> None:
    """Do what the form says, and say what became of it."""
    sent = form.cleaned_data
    try:
        if sent["action"] == "weight":
            services.set_weight(project, person, sent["weight"], request.user)
            messages.success(request, f"The answers of {person} weigh {sent['weight']:g} now.")
        elif sent["action"] == "pause":
            text = sent["text"] or queries_annotator.USUAL_MESSAGE
            services.pause(project, person, text)
            messages.success(request, f"{person} is paused, and told why.")
        else:
            services.resume(project, person, request.user)
            messages.success(request, f"{person} can go on.")
    except services.AnswerInvalid as refusal:
        messages.error(request, refusal.message)
    except services.NotAllowed as refusal:
        messages.error(request, str(refusal))
