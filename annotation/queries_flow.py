"""What managers see of how much is asked of whom."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.utils import timezone

from annotation.models import Item, Membership, Project, Tally
from annotation.services.limits import standing


@dataclass(frozen=True)
class FlowPage:
    """Items that were asked of more people because their answers differed."""

    widened: int
    waiting: int  # of those, how many still wait for an answer


def flow_page(project: Project) -> FlowPage:
    counts = project.items.filter(overlap_added__gt=0).aggregate(
        widened=Count("id"), waiting=Count("id", filter=~Q(status=Item.Status.COMPLETE))
    )
    return FlowPage(**counts)


@dataclass(frozen=True)
class MemberLimits:
    """What a member has answered, and the limits set for them alone; None: the project's."""

    today: int
    done: int
    share: float
    share_cap: float
    daily_limit: int | None
    total_limit: int | None


def member_limits(project: Project, member: User) -> MemberLimits:
    own = Membership.objects.get(project=project, user=member)
    now = standing(project, member)
    if now is None:
        tally = Tally.objects.filter(project=project, annotator=member).first() or Tally()
        return MemberLimits(
            tally.given_on(timezone.localdate()),
            tally.answered,
            0.0,
            0.0,
            own.daily_limit,
            own.total_limit,
        )
    return MemberLimits(
        now.today, now.done, now.share, now.share_cap, own.daily_limit, own.total_limit
    )
