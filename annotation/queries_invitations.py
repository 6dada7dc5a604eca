"""What the pages about invitations show: see `queries`."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Prefetch, Q
from django.http import Http404
from django.utils import timezone

from annotation.models import Invitation, InvitationUse, Membership, Project
from annotation.models.invitations import digest_of

SHOWN = 50


@dataclass(frozen=True)
class InvitationLine:
    """`state` is open, used, expired, revoked or void (its maker manages the project no more);
    `came` are the names of who came by it."""

    id: int
    role: str
    email: str
    people: int
    max_people: int
    by: str
    created: datetime
    expires: datetime
    state: str
    came: list[str]


def invitations(project: Project) -> list[InvitationLine]:
    """The newest invitations of the project, whatever became of them."""
    uses = Prefetch("uses", InvitationUse.objects.select_related("user"))
    rows = project.invitations.select_related("created_by").prefetch_related(uses)
    managers = set(
        project.memberships.filter(role=Membership.Role.MANAGER, user__is_active=True).values_list(
            "user_id", flat=True
        )
    )
    return [
        InvitationLine(
            id=row.pk,
            role=row.role,
            email=row.email,
            people=row.people,
            max_people=row.max_people,
            by=row.created_by.get_username() if row.created_by else "",
            created=row.created,
            expires=row.expires,
            state=_state(row, managers),
            came=[use.user.get_username() for use in row.uses.all()],
        )
        for row in rows[:SHOWN]
    ]


def _state(row: Invitation, managers: set[int]) -> str:
    by = row.created_by
    if row.revoked is not None:
        return "revoked"
    if row.people >= row.max_people:
        return "used"
    if row.expires <= timezone.now():
        return "expired"
    if by is None or not (by.pk in managers or (by.is_superuser and by.is_active)):
        return "void"  # as `services.invitations.why_closed` says
    return "open"


def invitation_to(addresses: list[str]) -> Invitation | None:
    """The newest invitation to one of the addresses by which somebody could come in."""
    wanted = Q(pk__in=[])
    for address in addresses:
        wanted |= Q(email__iexact=address)
    unused = Invitation.objects.filter(
        wanted, revoked=None, expires__gt=timezone.now(), people__lt=F("max_people")
    )
    return unused.select_related("project", "created_by").first()


def find_invitation(project: Project, pk: int) -> Invitation:
    """An invitation of the project; else Http404."""
    found = project.invitations.filter(pk=pk).first()
    if found is None:
        raise Http404("No such invitation.")
    return found


def invitation_by(secret: str) -> Invitation | None:
    """The invitation whose link holds the secret, in whatever state it is."""
    return (
        Invitation.objects.filter(digest=digest_of(secret))
        .select_related("project", "created_by")
        .first()
    )
