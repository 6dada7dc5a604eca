"""The second factor: who has one, who has to have one. The codes themselves are allauth's."""

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User

from annotation.permissions import roles_for


def has_second_factor(user: User) -> bool:
    return bool(is_mfa_enabled(user, [Authenticator.Type.TOTP]))


def is_required_of(user: User | AnonymousUser) -> bool:
    """Whether REQUIRE_MFA_FOR names the user.

    `staff`: whoever may enter the admin panel. `researchers`: also everybody who is a researcher
    or more in a project.
    """
    if isinstance(user, AnonymousUser) or settings.REQUIRE_MFA_FOR == "none":
        return False
    if user.is_staff or user.is_superuser:
        return True
    if settings.REQUIRE_MFA_FOR == "staff":
        return False
    return user.memberships.filter(role__in=roles_for("research")).exists()


def is_missing(user: User | AnonymousUser) -> bool:
    """Whether the user has to set one up before anything else."""
    return is_required_of(user) and isinstance(user, User) and not has_second_factor(user)
