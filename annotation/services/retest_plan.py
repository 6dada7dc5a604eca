"""Draws which answers are asked for again, and how much later each comes.

Never before `retest_after` other answers, and due after twice as many at the latest.
"""

import secrets

from annotation.models import Assignment, Item, Retest, Tally
from annotation.services.flow import flow_policy_of

TASK_TYPES_REPEATED = ("pairwise", "ranking", "rate_then_rank")
IN_QUEUE = (Item.Status.OPEN, Item.Status.PAUSED, Item.Status.COMPLETE)


def plan_retest(assignment: Assignment) -> None:
    """Draw whether this answer, just given, is to be asked for again; in the same transaction."""
    item = assignment.item
    policy = flow_policy_of(item.project)
    if policy is None or not _is_drawn(policy.retest_share):
        return
    if item.status not in IN_QUEUE or item.origin == Item.Origin.CHAT:
        return
    if item.task_type not in TASK_TYPES_REPEATED:
        return
    tally = Tally.objects.get(project=item.project_id, annotator=assignment.annotator_id)
    later = policy.retest_after + secrets.randbelow(policy.retest_after + 1)
    Retest.objects.bulk_create(
        [
            Retest(
                project_id=item.project_id,
                annotator_id=assignment.annotator_id,
                first=assignment,
                due=tally.answered + later,
            )
        ],
        ignore_conflicts=True,  # answered before, and taken back
    )


def _is_drawn(share: float) -> bool:
    return share > 0 and secrets.SystemRandom().random() < share
