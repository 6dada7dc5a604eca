"""How much one person may answer in a project: a day, in all, and of what all have answered.

Counted by the person's tally, so every answer counts alike: to hidden gold, in chat, in training.
What is held counts too, else two tabs could go past a limit. A manager may set other limits for a
member; 0 there means none.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from annotation.models import Assignment, FlowPolicy, Membership, Project, Tally
from annotation.services.errors import LimitReached, NotAllowed
from annotation.services.flow import flow_policy_of, set_flow_policy

FREE_ANSWERS = 20  # of a person, before the share is looked at: somebody has to begin


@dataclass(frozen=True)
class Standing:
    """What a person has answered and may answer; a limit of 0 is none."""

    today: int
    done: int
    held: int
    all_done: int  # by everybody in the project; 0 where no share is asked for
    daily_limit: int
    total_limit: int
    share_cap: float

    @property
    def has_limits(self) -> bool:
        return bool(self.daily_limit or self.total_limit or self.share_cap)

    @property
    def share(self) -> float:
        return self.done / self.all_done if self.all_done else 0.0

    @property
    def most_by_share(self) -> int:
        """How many answers the share allows this person now."""
        return max(FREE_ANSWERS, int(self.share_cap * self.all_done))

    def reached(self, held: int = 0) -> tuple[str, str] | None:
        """The limit that is reached, with so many open items counted in: a title, a sentence."""
        if self.total_limit and self.done + held >= self.total_limit:
            return "You have done your part", (
                f"You have given all {self.total_limit:,} answers that this project asks of you."
            )
        if self.daily_limit and self.today + held >= self.daily_limit:
            return "Done for today", (
                f"You have done today’s {self.daily_limit:,}. Tomorrow there is more."
            )
        if self.share_cap and self.done + held >= self.most_by_share:
            return "Now it is the others’ turn", (
                f"You have given {self.done:,} of the project’s {self.all_done:,} answers, and one"
                f" person gives at most {100 * self.share_cap:.0f} %. You can go on as soon as"
                " others have answered more."
            )
        return None


def standing(project: Project, annotator: User) -> Standing | None:
    """How far the person is from the project's limits; None where the project sets nothing."""
    policy = flow_policy_of(project)
    if policy is None:
        return None
    tally = Tally.objects.filter(project=project, annotator=OuterRef("user"))
    held = (
        Assignment.objects.filter(
            item__project=project, annotator=OuterRef("user"), status=Assignment.Status.LEASED
        )
        .order_by()
        .values("annotator")
        .annotate(n=Count("id"))
    )
    row = (
        Membership.objects.filter(project=project, user=annotator)
        .annotate(
            done=_number(tally.values("answered")),
            today=_number(tally.filter(day=timezone.localdate()).values("today")),
            held=_number(held.values("n")),
        )
        .first()
    )
    if row is None:  # an administrator, whom nobody has to hold back
        return None
    capped = policy.share_cap > 0
    every = Tally.objects.filter(project=project).aggregate(n=Sum("answered"))["n"] if capped else 0
    return Standing(
        today=row.today,
        done=row.done,
        held=row.held,
        all_done=every or 0,
        daily_limit=policy.daily_limit if row.daily_limit is None else row.daily_limit,
        total_limit=policy.total_limit if row.total_limit is None else row.total_limit,
        share_cap=policy.share_cap,
    )


def require_below_limits(project: Project, annotator: User) -> None:
    """Raise LimitReached where this person may take no further item."""
    policy = flow_policy_of(project)
    if policy is None or not _can_limit(policy):
        return
    now = standing(project, annotator)
    if now is not None and (why := now.reached(now.held)) is not None:
        raise LimitReached(*why)


def set_member_limits(
    project: Project, member: User, *, daily_limit: int | None, total_limit: int | None
) -> None:
    """Let other limits hold for this member; None: the project's, 0: none.

    Raises NotAllowed for somebody who is no member.
    """
    changed = Membership.objects.filter(project=project, user=member).update(
        daily_limit=daily_limit, total_limit=total_limit
    )
    if not changed:
        raise NotAllowed(f"{member} is no member of {project.name}.")
    has_own = project.memberships.exclude(daily_limit=None, total_limit=None).exists()
    set_flow_policy(project, has_member_limits=has_own)


def _can_limit(policy: FlowPolicy) -> bool:
    return bool(
        policy.daily_limit or policy.total_limit or policy.share_cap or policy.has_member_limits
    )


def _number(rows: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(rows[:1], output_field=IntegerField()), 0)
