"""The door through which every next item comes."""

from django.contrib.auth.models import User

from annotation.models import Assignment, Project
from annotation.services import gold
from annotation.services.limits import require_below_limits
from annotation.services.retests import claim_retest


def claim_turn(project: Project, annotator: User, *, held: int | None = None) -> Assignment | None:
    """The next item for this person: training, hidden gold, a retest or the queue's.

    None when nothing waits. Raises LimitReached where the person has answered as much as the
    project lets one person; gold or a retest before an item of the queue may go past it by one.
    `held` is how many open items the person has, where that was just counted.
    """
    require_below_limits(project, annotator)
    turn = gold.claim_turn(project, annotator, held=held)
    return turn and (claim_retest(project, annotator, turn) or turn)
