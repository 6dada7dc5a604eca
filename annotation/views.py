"""The annotator's screen and a project's own pages: parse, call one service or query, render."""

import json
from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import (
    queries,
    queries_invitations,
    queries_me,
    queries_progress,
    queries_projects,
    services,
)
from annotation.forms import (
    FLAG_REASONS,
    SKIP_REASONS,
    DraftForm,
    FlagForm,
    GuidelineForm,
    HeartbeatForm,
    MemberActionForm,
    MemberForm,
    ProjectForm,
    SkipForm,
    SubmitForm,
)
from annotation.forms_invitations import InvitationForm
from annotation.models import Assignment, Membership, Project
from annotation.permissions import can
from annotation.task_types import TASK_TYPES
from annotation.views_notices import render_notice

MAX_NAMED = 20  # assignments that a browser may say it holds


class SignedIn(HttpRequest):
    """A request that `login_required` or `from_screen` let through."""

    user: User


def from_screen(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """POSTs of the annotator's screen."""
    return require_POST(in_json(view))


def in_json(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """What a script asks for: what goes wrong is answered in JSON, never by a redirect."""

    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, **kwargs: object) -> HttpResponse:
        if not request.user.is_authenticated:
            return JsonResponse({"message": "You are signed out."}, status=401)
        try:
            return view(request, **kwargs)
        except services.AnswerInvalid as refusal:
            return refuse({refusal.field: [refusal.message]})
        except (services.AssignmentLost, services.SubmitConflict, services.NotAllowed) as refusal:
            return JsonResponse({"message": str(refusal)}, status=409)

    return answer


def refuse(errors: dict[str, list[str]]) -> JsonResponse:
    return JsonResponse({"errors": errors}, status=422)


def form_errors(*forms: BaseForm) -> dict[str, list[str]]:
    return {
        name: [str(error) for error in errors]
        for form in forms
        for name, errors in form.errors.items()
    }


# --- the annotator's screen ---------------------------------------------------------------------


@login_required
@never_cache
@require_safe
def annotate(request: SignedIn, slug: str) -> HttpResponse:
    """The screen without an item: the script asks for the first one as for every other."""
    project = queries.find_project(slug, request.user, "annotate")
    context = {
        "project": project,
        "section": "annotate",
        "progress": queries_progress.progress(project, request.user),
        "guideline": queries.guideline(project),
        "skip_reasons": SKIP_REASONS,
        "flag_reasons": FLAG_REASONS,
    }
    return render(request, "annotation/annotate.html", context)


@from_screen
def next_item(request: SignedIn, slug: str) -> HttpResponse:
    """An item that the browser does not hold yet: one left open before, else a new one. What has
    to be read first is given in its place, and so is an own answer that is to be changed."""
    project = queries.find_project(slug, request.user, "annotate")
    try:
        services.require_all_read(project, request.user)
    except services.MustRead as refusal:
        return render_notice(request, request.user, project, refusal.notice)
    if past := queries_me.find_past_turn(project, request.user, request.POST.get("change", "")):
        return render_item(request, past)
    shown = set(request.POST.get("held", "").split(",")[:MAX_NAMED])
    leased = queries.leased_keys(project, request.user)
    left_open = next((key for key in leased if str(key) not in shown), None)
    try:
        if left_open is not None:
            return render_item(request, queries.find_assignment(left_open, request.user))
        assignment = services.claim_turn(project, request.user, held=len(leased))
    except services.LimitReached as limit:
        return render(request, "annotation/people/_limit.html", {"limit": limit})
    return render_item(request, assignment)


@from_screen
def undo(request: SignedIn, slug: str) -> HttpResponse:
    project = queries.find_project(slug, request.user, "annotate")
    return render_item(request, services.undo_last(project, request.user))


def render_item(request: SignedIn, assignment: Assignment | None) -> HttpResponse:
    if assignment is None:
        return HttpResponse(status=204)
    card = queries.item_card(assignment)
    context = {"card": card, "draft_json": json.dumps(card.draft) if card.draft else ""}
    own = f"annotation/task_types/{card.task_type}.html"
    return render(request, [own, "annotation/task_types/_default.html"], context)


@from_screen
def submit(request: SignedIn, key: UUID) -> HttpResponse:
    """An answer, and with it the first sign of life of the item that comes next, where the browser
    holds one: a request for that alone would be a third of all."""
    assignment = queries.find_assignment(key, request.user, shown=False)
    sent = SubmitForm(request.POST)
    answer = queries.answer_form(assignment, request.POST)
    if not (sent.is_valid() & answer.is_valid()):
        return refuse(form_errors(answer, sent))
    kind = TASK_TYPES[assignment.item.task_type]
    services.submit_answer(
        assignment,
        answer=kind.to_canonical(answer.cleaned_data, assignment.display_order),
        rationale=answer.cleaned_data["rationale"],
        submit_key=sent.cleaned_data["submit_key"],
        seconds=sent.cleaned_data["seconds"],
    )
    opens = sent.cleaned_data["opens"]
    if opens is None or not services.note_opened(opens, request.user):
        return JsonResponse({})
    return JsonResponse({"opened": True, "progress": progress_of(assignment, request.user)})


@from_screen
def skip(request: SignedIn, key: UUID) -> HttpResponse:
    assignment = queries.find_assignment(key, request.user, shown=False)
    form = SkipForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    services.skip(assignment, form.cleaned_data["reason"])
    return JsonResponse({})


@from_screen
def flag(request: SignedIn, key: UUID) -> HttpResponse:
    assignment = queries.find_assignment(key, request.user, shown=False)
    form = FlagForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    services.flag(assignment, form.cleaned_data["reason"], form.cleaned_data["note"])
    return JsonResponse({})


@from_screen
def draft(request: SignedIn, key: UUID) -> HttpResponse:
    assignment = queries.find_assignment(key, request.user, shown=False)
    form = DraftForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    version = services.save_draft(
        assignment, form.cleaned_data["draft"], form.cleaned_data["version"]
    )
    return JsonResponse({"version": version})


@from_screen
def heartbeat(request: SignedIn, key: UUID) -> HttpResponse:
    """A sign of life. An item that comes onto the screen also hears how far the project is: here
    nobody waits for it, as they would with the item itself."""
    assignment = queries.find_assignment(key, request.user, shown=False)
    form = HeartbeatForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    is_opened = bool(form.cleaned_data["opened"])
    services.heartbeat(assignment, form.cleaned_data["active_seconds"], opened=is_opened)
    if not is_opened:
        return JsonResponse({})
    return JsonResponse({"progress": progress_of(assignment, request.user)})


def progress_of(assignment: Assignment, user: User) -> dict[str, int]:
    """How far the assignment's project is, for the screen."""
    now = queries_progress.progress(assignment.item.project, user)
    return {"done": now.done, "total": now.total, "mine": now.mine}


# --- a project's own pages ----------------------------------------------------------------------


@login_required
@require_safe
def home(request: SignedIn) -> HttpResponse:
    return render(request, "annotation/home.html", {"lines": queries_projects.home(request.user)})


@login_required
@require_safe
def project(request: SignedIn, slug: str) -> HttpResponse:
    project = queries.find_project(slug, request.user, "annotate")
    context = {
        "project": project,
        "section": "overview",
        "progress": queries_progress.progress(project, request.user),
        "open_to_me": queries_projects.open_to(project, request.user),
        "guideline": queries.guideline(project),
    }
    if can(request.user, "research", project):
        context["overview"] = queries_projects.project_overview(project)
        context["flags"] = queries_projects.open_flags(project, limit=10)
    return render(request, "annotation/project.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def project_new(request: SignedIn) -> HttpResponse:
    """Staff start projects, and manage what they start."""
    if not request.user.is_staff:
        raise PermissionDenied("Ask an operator to start a project.")
    form = ProjectForm(request.POST or None)
    if form.is_valid():
        started = services.create_project(owner=request.user, **form.project_fields())
        messages.success(request, "The project is there. Now say what annotators should go by.")
        return redirect("guidelines", started.slug)
    return render(request, "annotation/project_new.html", {"form": form}, status=form_status(form))


@login_required
@require_http_methods(["GET", "POST"])
def project_settings(request: SignedIn, slug: str) -> HttpResponse:
    project = queries.find_project(slug, request.user, "manage")
    form = ProjectForm(request.POST or None, instance=project)
    if form.is_valid():
        services.update_project(project, **form.project_fields())
        messages.success(request, "Saved.")
        return redirect("project_settings", slug)
    # The form has written onto `project`; the frame shows what is stored.
    stored = queries.find_project(slug, request.user, "manage")
    context = {"project": stored, "section": "settings", "form": form}
    return render(request, "annotation/project_settings.html", context, status=form_status(form))


@login_required
@require_http_methods(["GET", "POST"])
def guidelines(request: SignedIn, slug: str) -> HttpResponse:
    """Everybody in the project reads them; a manager writes the next version."""
    verb = "annotate" if request.method == "GET" else "manage"
    project = queries.find_project(slug, request.user, verb)
    newest = queries.guideline(project)
    form = GuidelineForm(request.POST or None, initial={"text": newest.text if newest else ""})
    if form.is_valid():
        published = services.new_guideline(project, form.cleaned_data["text"], request.user)
        messages.success(request, f"Version {published.version} is in force.")
        return redirect("guidelines", slug)
    context = {
        "project": project,
        "section": "settings",
        "form": form,
        "versions": queries.guidelines_page(project),
        "may_edit": can(request.user, "manage", project),
    }
    return render(request, "annotation/guidelines.html", context, status=form_status(form))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def members(request: SignedIn, slug: str) -> HttpResponse:
    """The people of a project; POST takes one in, and shows a new account's password once."""
    project = queries.find_project(slug, request.user, "manage")
    form = MemberForm(request.POST or None)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        try:
            person = services.invite(project, **form.cleaned_data)
        except services.NotAllowed as refusal:
            form.add_error("username", str(refusal))
        else:
            context = {"invited": person}
    context = members_context(project) | context
    return render(request, "annotation/members.html", context, status=form_status(form))


@login_required
@never_cache
@require_POST
def member(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Change a member's role, take the member out, or give a new password."""
    project = queries.find_project(slug, request.user, "manage")
    user = queries_projects.find_member(project, pk)
    form = MemberActionForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose a role from the list.")
        return redirect("members", slug)
    try:
        return act_on_member(request, project, user, form)
    except services.NotAllowed as refusal:
        messages.error(request, str(refusal))
        return redirect("members", slug)


def members_context(project: Project) -> dict[str, object]:
    """What the page of members shows, whichever of its forms was sent."""
    return {
        "project": project,
        "section": "settings",
        "form": MemberForm(),
        "lines": queries_projects.members_page(project),
        "roles": Membership.Role.choices,
        "invitation_form": InvitationForm(auto_id="id_invitation_%s"),
        "invitations": queries_invitations.invitations(project),
    }


def act_on_member(
    request: SignedIn, project: Project, user: User, form: MemberActionForm
) -> HttpResponse:
    action = form.cleaned_data["action"]
    if action == "password":
        invited = services.renew_password(user, by=request.user)
        context = members_context(project) | {"invited": invited}
        return render(request, "annotation/members.html", context)
    if action == "remove":
        services.remove_member(project, user)
        messages.success(request, f"{user} is no longer in the project. The answers stay.")
    else:
        services.add_member(project, user, form.cleaned_data["role"])
        messages.success(request, f"{user} is now {form.cleaned_data['role']}.")
    return redirect("members", project.slug)


def form_status(form: BaseForm) -> int:
    """422 for a form sent back with errors: htmx and programs can tell it from a page."""
    return 422 if form.errors else 200
