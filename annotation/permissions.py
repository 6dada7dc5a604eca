"""Who may do what: the one place that decides.

Roles are steps of one ladder (annotator < reviewer < researcher < manager): whoever may do more
may also do all that lies below. A superuser may do everything; an inactive user nothing.
"""

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import Http404

from annotation.models import Membership, Project

LADDER: tuple[Membership.Role, ...] = (
    Membership.Role.ANNOTATOR,
    Membership.Role.REVIEWER,
    Membership.Role.RESEARCHER,
    Membership.Role.MANAGER,
)

VERBS: dict[str, Membership.Role] = {
    "annotate": Membership.Role.ANNOTATOR,
    "review": Membership.Role.REVIEWER,
    "research": Membership.Role.RESEARCHER,
    "manage": Membership.Role.MANAGER,
}


def roles_for(verb: str) -> list[str]:
    """The roles that may `verb`, for filters such as `memberships__role__in`."""
    return [role.value for role in LADDER[LADDER.index(VERBS[verb]) :]]


def role_of(user: User | AnonymousUser, project: Project) -> str | None:
    """The user's role in the project; a superuser counts as a manager."""
    if not user.is_active or isinstance(user, AnonymousUser):
        return None
    if user.is_superuser:
        return Membership.Role.MANAGER
    return project.memberships.filter(user=user).values_list("role", flat=True).first()


def can(user: User | AnonymousUser, verb: str, project: Project) -> bool:
    """Whether the user may `verb` ("annotate", "review", "research", "manage") in the project."""
    return role_of(user, project) in roles_for(verb)


def require(user: User | AnonymousUser, verb: str, project: Project) -> str:
    """The user's role, if it allows `verb`.

    Someone outside the project gets Http404: absent and forbidden look alike. A member whose
    role is too low gets PermissionDenied.
    """
    role = role_of(user, project)
    if role is None:
        raise Http404("No such project.")
    if role not in roles_for(verb):
        raise PermissionDenied(f"Your role in {project.name} does not allow this.")
    return role
