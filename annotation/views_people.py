"""What annotators read and answer to, and how managers talk to them."""

from dataclasses import asdict
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation import (
    queries,
    queries_flow,
    queries_me,
    queries_people,
    queries_projects,
    queries_threads,
    queries_weekly,
    services,
)
from annotation.forms_flow import MemberLimitsForm
from annotation.forms_people import AcknowledgeForm, CommentForm, PersonForm
from annotation.views import SignedIn, form_errors, from_screen, refuse


@from_screen
def acknowledge(request: SignedIn, slug: str) -> HttpResponse:
    """The annotator has read a version of the guidelines."""
    project = queries.find_project(slug, request.user, "annotate")
    form = AcknowledgeForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    services.acknowledge(project, request.user, form.cleaned_data["version"])
    return JsonResponse({})


@from_screen
def reveal(request: SignedIn, key: UUID) -> HttpResponse:
    """The annotator has read the researchers' answer to a training item."""
    services.reveal(queries.find_assignment(key, request.user))
    return JsonResponse({})


@from_screen
def write_back(request: SignedIn, slug: str) -> HttpResponse:
    """The annotator writes to those who run the project."""
    project = queries.find_project(slug, request.user, "annotate")
    form = CommentForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    services.comment(project, request.user, request.user, form.cleaned_data["text"])
    return JsonResponse({})


@login_required
@never_cache
@require_safe
def me(request: SignedIn, slug: str) -> HttpResponse:
    """What the reader did in the project, and how often others agree."""
    project = queries.find_project(slug, request.user, "annotate")
    context = {
        "project": project,
        "section": "me",
        "page": queries_me.my_page(project, request.user),
        "threads": queries_threads.threads_of(project, request.user),
    }
    if request.method == "GET":
        services.mark_comments_read(project, request.user)
    return render(request, "annotation/people/me.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def person(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """A member: agreement with gold, training, pauses, comments. POST talks to them."""
    project = queries.find_project(slug, request.user, "manage")
    member = queries_projects.find_member(project, pk)
    form = PersonForm(request.POST or None)
    if form.is_valid():
        text = form.cleaned_data["text"]
        try:
            if form.cleaned_data["action"] == "comment":
                services.comment(project, member, request.user, text)
                messages.success(request, f"{member} sees your comment.")
            elif form.cleaned_data["action"] == "pause":
                services.pause(project, member, text)
                messages.success(request, f"{member} is paused.")
            else:
                services.resume(project, member, request.user)
                messages.success(request, f"{member} can go on.")
        except services.AnswerInvalid as refusal:
            messages.error(request, refusal.message)
        except services.NotAllowed as refusal:
            messages.error(request, str(refusal))
        return redirect("person", slug, pk)
    limits = queries_flow.member_limits(project, member)
    context = {
        "project": project,
        "section": "settings",
        "member": member,
        "page": queries_people.person_page(project, member),
        "weeks": queries_weekly.notes_of(project, member),
        "form": form,
        "limits": limits,
        "limits_form": MemberLimitsForm(initial=asdict(limits)),
    }
    status = 422 if form.errors else 200
    return render(request, "annotation/people/person.html", context, status=status)
