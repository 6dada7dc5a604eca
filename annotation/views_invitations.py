"""Invitations: managers make and revoke them, people come in by them."""

from allauth.core import ratelimit
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from annotation import queries, queries_invitations, services
from annotation.forms_invitations import InvitationForm, JoinForm
from annotation.models import Invitation
from annotation.services.invitations import NameTaken, why_closed
from annotation.views import SignedIn, form_status, members_context


@login_required
@never_cache
@require_POST
def invite(request: SignedIn, slug: str) -> HttpResponse:
    """Make an invitation; the page that answers shows its link, this once."""
    project = queries.find_project(slug, request.user, "manage")
    form = InvitationForm(request.POST, auto_id="id_invitation_%s")
    context: dict[str, object] = {"invitation_form": form}
    if form.is_valid():
        try:
            invitation, secret = services.create_invitation(
                project, by=request.user, **form.cleaned_data
            )
        except services.NotAllowed as refusal:
            form.add_error(None, str(refusal))
        else:
            link = request.build_absolute_uri(reverse("join", args=[secret]))
            context = {"invitation": invitation, "link": link}
            if invitation.email and settings.EMAIL_IS_ON:
                context["sent"] = services.mail_invitation(invitation, link)
    page = members_context(project) | context
    return render(request, "annotation/members.html", page, status=form_status(form))


@login_required
@never_cache
@require_POST
def revoke_invitation(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    project = queries.find_project(slug, request.user, "manage")
    services.revoke_invitation(queries_invitations.find_invitation(project, pk))
    messages.success(request, "The link does not work any more. Who came by it stays.")
    return redirect("members", slug)


@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Where a link leads: choose a name and a password, or come in as who is signed in."""
    if request.method == "POST" and not ratelimit.consume(request, action="signup"):
        return HttpResponse("Too many tries. Wait a minute.", "text/plain", status=429)
    invitation = queries_invitations.invitation_by(secret)
    problem = (
        why_closed(invitation)
        if invitation
        else "There is no such invitation. Check that the link is complete, or ask for a new one."
    )
    if invitation is None or problem:
        status = 410 if invitation else 404
        context = {"problem": problem}
        return render(request, "annotation/people/join.html", context, status=status)
    if request.user.is_authenticated:
        return join_as(request, invitation, request.user)
    form = JoinForm(request.POST or None, email=invitation.email)
    if form.is_valid():
        try:
            name, password = form.cleaned_data["username"], form.cleaned_data["password"]
            user = services.join(invitation, name, password)
        except services.NotAllowed as refusal:
            form.add_error("username" if isinstance(refusal, NameTaken) else None, str(refusal))
        else:
            login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
            messages.success(request, "Welcome. This is the project you were invited to.")
            return redirect("project", invitation.project.slug)
    page: dict[str, object] = {"invitation": invitation, "form": form, "here": request.path}
    return render(request, "annotation/people/join.html", page, status=form_status(form))


def join_as(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
    """Somebody who is signed in comes in by a click; looking at the page changes nothing."""
    if request.method == "POST":
        try:
            services.accept_invitation(invitation, user)
        except services.NotAllowed as refusal:
            context = {"problem": str(refusal)}
            return render(request, "annotation/people/join.html", context, status=410)
        messages.success(request, f"You are in {invitation.project.name} now.")
        return redirect("project", invitation.project.slug)
    return render(request, "annotation/people/join.html", {"invitation": invitation})
