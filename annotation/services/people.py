"""Accounts, made and mended by managers. A password is shown once and kept hashed."""

import secrets
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

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
def renew_password(user: User, *, by: User) -> Invited:
    """Replace a forgotten password. Only for people whose every project `by` manages."""
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
