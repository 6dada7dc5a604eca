"""Accounts, made and mended by managers. A password is shown once and kept hashed."""

import secrets
from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from annotation.models import Membership, Project
from annotation.permissions import can
from annotation.services.errors import NotAllowed
from annotation.services.projects import add_member

PASSWORD_GROUPS = 4
# Without the letters and digits that are mistaken for each other when read aloud.
PASSWORD_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105


@dataclass(frozen=True)
class Invited:
    """Somebody who may come in now; `password` only where it was just made."""

    username: str
    password: str | None


def new_password() -> str:
    """Four groups of five, about 99 bits: `k7dqm-x2pfa-…`."""
    groups = (
        "".join(secrets.choice(PASSWORD_ALPHABET) for _ in range(5)) for _ in range(PASSWORD_GROUPS)
    )
    return "-".join(groups)


@transaction.atomic
def invite(project: Project, username: str, role: str = Membership.Role.ANNOTATOR) -> Invited:
    """Take somebody into the project; an unknown name gets an account with a new password."""
    user = User.objects.filter(username__iexact=username).first()
    password = None
    if user is None:
        password = new_password()
        user = User.objects.create_user(username, password=password)
    elif not user.is_active:
        raise NotAllowed(f"{user} cannot sign in. Choose another name.")
    elif project.memberships.filter(user=user).exists():
        raise NotAllowed(f"{user} is in the project already.")
    add_member(project, user, role)
    return Invited(user.get_username(), password)


@transaction.atomic
def sign_out_everywhere(user: User) -> int:
    """End every session of the user, in whatever browser; how many there were.

    Sessions carry no column of whom they belong to: each one that is in force is looked into.
    """
    mine = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    for i in range(0, len(mine), 500):  # SQLite takes only so many parameters
        Session.objects.filter(pk__in=mine[i : i + 500]).delete()
    return len(mine)


@transaction.atomic
def reset_second_factor(username: str) -> None:
    """Take the second factor off, for somebody whose phone and recovery codes are gone.

    Raises NotAllowed where there is no such person, or no second factor.
    """
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NotAllowed(f"Nobody is called {username}.")
    deleted, _ = Authenticator.objects.filter(user=user).delete()
    if not deleted:
        raise NotAllowed(f"{username} has no second factor.")


@transaction.atomic
def renew_password(user: User, *, by: User) -> Invited:
    """Replace a forgotten password. Only for people whose every project `by` manages.

    Their sessions end with the old password: each carries a mark of it.
    """
    memberships = user.memberships.select_related("project")
    managed = all(can(by, "manage", membership.project) for membership in memberships)
    if user == by:
        raise NotAllowed("Change your own password from the menu at the top right.")
    if user.is_superuser or not user.is_active or not managed:
        raise NotAllowed(f"{user} also belongs elsewhere: an operator has to do this.")
    password = new_password()
    user.set_password(password)
    user.save(update_fields=["password"])
    return Invited(user.get_username(), password)
