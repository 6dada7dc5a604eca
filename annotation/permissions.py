"""Who may do what: the one place that decides.

Roles are steps of one ladder (annotator < reviewer < researcher < manager): whoever may do more
may also do all that lies below. A superuser may do everything; an inactive user nothing.
"""

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
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


def membership_role(user_id: int, project: str = "pk") -> Subquery:
    """The stored role as a column of a query that fetches the project anyway.

    `project` leads from its rows to the project's key.
    """
    memberships = Membership.objects.filter(project=OuterRef(project), user=user_id)
    return Subquery(memberships.values("role")[:1])


def role_of(user: User | AnonymousUser, project: Project) -> str | None:
    """The user's role in the project; a superuser counts as a manager."""
    if user.is_superuser or isinstance(user, AnonymousUser):
        return effective_role(user, None)
    stored = project.memberships.filter(user=user).values_list("role", flat=True)
    return effective_role(user, stored.first())


def effective_role(user: User | AnonymousUser, stored: str | None) -> str | None:
    """What a user whose membership holds this role counts as."""
    if not user.is_active or isinstance(user, AnonymousUser):
        return None
    return Membership.Role.MANAGER if user.is_superuser else stored


def can(user: User | AnonymousUser, verb: str, project: Project) -> bool:
    """Whether the user may `verb` ("annotate", "review", "research", "manage") in the project."""
    return role_of(user, project) in roles_for(verb)


def require(user: User | AnonymousUser, verb: str, project: Project) -> str:
    """The user's role, if it allows `verb`; see `require_role`."""
    return require_role(role_of(user, project), verb, project)


def require_role(role: str | None, verb: str, project: Project) -> str:
    """The role, if it allows `verb`.

    Someone outside the project gets Http404: absent and forbidden look alike. A member whose
    role is too low gets PermissionDenied.
    """
    if role is None:
        raise Http404("No such project.")
    if role not in roles_for(verb):
        raise PermissionDenied(f"Your role in {project.name} does not allow this.")
    return role
