"""Invitations: links that let people in. The secret in a link is kept as a digest only."""

import logging
import secrets
from datetime import timedelta
from smtplib import SMTPException

from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from annotation.models import Invitation, InvitationUse, Membership, Project
from annotation.models.invitations import digest_of
from annotation.permissions import LADDER, can
from annotation.services.errors import NotAllowed
from annotation.services.projects import add_member

MAX_OPEN = 200  # links of one project that could be used at a time
logger = logging.getLogger(__name__)


@transaction.atomic
def create_invitation(
    project: Project,
    *,
    by: User,
    role: str = Membership.Role.ANNOTATOR,
    email: str = "",
    max_people: int = 1,
    days: int = 7,
) -> tuple[Invitation, str]:
    """A new invitation and the secret of its link, which nobody can read again.

    Raises NotAllowed for somebody who does not manage the project, and where too many are open.
    """
    Project.objects.select_for_update().get(pk=project.pk)
    if not can(by, "manage", project):
        raise NotAllowed("Only managers invite people.")
    now = timezone.now()
    still_open = project.invitations.filter(
        revoked=None, expires__gt=now, people__lt=F("max_people")
    )
    if still_open.count() >= MAX_OPEN:
        raise NotAllowed(f"{MAX_OPEN} invitations are open. Revoke some that are not needed first.")
    secret = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        project=project,
        role=Membership.Role(role),
        digest=digest_of(secret),
        email=email,
        max_people=max_people,
        created_by=by,
        created=now,
        expires=now + timedelta(days=days),
    )
    return invitation, secret


def mail_invitation(invitation: Invitation, link: str) -> bool:
    """Send the link to the address of the invitation; False if no server took it."""
    text = (
        f"You are invited to the project {invitation.project.name} as {invitation.role}.\n\n"
        f"{link}\n\n"
        f"The link works until {invitation.expires:%d %B %Y, %H:%M} UTC. If you don't know what "
        "this is about, leave it: nothing happens without you.\n"
    )
    # A line break in a name would be one in the head of the message.
    subject = " ".join(f"Invitation to {invitation.project.name}".split())
    try:
        return send_mail(subject, text, None, [invitation.email]) == 1
    except (OSError, SMTPException):
        logger.exception("An invitation could not be sent.")
        return False


def revoke_invitation(invitation: Invitation) -> bool:
    """Nobody comes in by it from now on; False if it was revoked before."""
    unrevoked = Invitation.objects.filter(pk=invitation.pk, revoked=None)
    return unrevoked.update(revoked=timezone.now()) == 1


def why_closed(invitation: Invitation) -> str:
    """Why nobody can come in by the invitation, in a sentence; empty while somebody can."""
    by = invitation.created_by
    if invitation.revoked is not None:
        return "This invitation was revoked. Ask for a new link."
    if invitation.people >= invitation.max_people:
        return "This invitation has been used. Ask for a new link."
    if invitation.expires <= timezone.now():
        return "This invitation has expired. Ask for a new link."
    # A link is worth as much as the word of who made it.
    if by is None or not can(by, "manage", invitation.project):
        return "Who made this invitation no longer manages the project. Ask for a new link."
    if invitation.project.is_archived:
        return "This project is archived: nobody can join it."
    return ""


@transaction.atomic
def accept_invitation(invitation: Invitation, user: User) -> Membership:
    """Take the user in by the invitation. Nobody's role is lowered, nobody is counted twice.

    Raises NotAllowed where the invitation is closed: with the last place, exactly one gets in.
    """
    # All that come by one link wait here for each other.
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if not user.is_active:
        raise NotAllowed(f"{user} cannot sign in.")
    # A member's own role counts here, not what a superuser may do everywhere.
    held = invitation.project.memberships.filter(user=user).first()
    if held is not None and not _is_higher(invitation.role, held.role):
        return held
    if problem := why_closed(invitation):
        raise NotAllowed(problem)
    if InvitationUse.objects.filter(invitation=invitation, user=user).exists():
        raise NotAllowed("You came in by this invitation before. Ask for a new link.")
    Invitation.objects.filter(pk=invitation.pk).update(people=F("people") + 1)
    InvitationUse.objects.create(invitation=invitation, user=user)
    return add_member(invitation.project, user, invitation.role)


def _is_higher(role: str, than: str) -> bool:
    return LADDER.index(Membership.Role(role)) > LADDER.index(Membership.Role(than))


@transaction.atomic
def join(invitation: Invitation, username: str, password: str) -> User:
    """Make an account for somebody who comes by the invitation, and take them in.

    Raises NotAllowed where the name is taken or the invitation is closed; then no account is made.
    """
    if problem := why_closed(invitation):
        raise NotAllowed(problem)
    if User.objects.filter(username__iexact=username).exists():
        raise NameTaken(username)
    try:
        with transaction.atomic():
            user = User.objects.create_user(username, invitation.email, password)
    except IntegrityError:  # somebody took it a moment ago
        raise NameTaken(username) from None
    accept_invitation(invitation, user)
    return user


class NameTaken(NotAllowed):
    def __init__(self, username: str) -> None:
        super().__init__(f"Somebody is called {username} here. Choose another name.")
