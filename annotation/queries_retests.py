"""Whether a person answers the same when an item comes back."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet

from annotation.aggregation.consistency import Consistency, Repeated, consistency
from annotation.models import Annotation, Assignment, Project, Retest
from annotation.preferences import Preference
from annotation.task_types import TASK_TYPES

COMPARED = 2_000  # newest retests that are looked at


def own_consistency(
    project: Project, annotator: User, until: datetime | None = None
) -> Consistency:
    """Over the person's retests; with `until`, those that were answered before that moment."""
    return _consistency(Retest.objects.filter(project=project, annotator=annotator), until)


def project_consistency(project: Project) -> Consistency:
    """Over everybody's retests."""
    return _consistency(Retest.objects.filter(project=project))


def _consistency(asked: QuerySet[Retest], until: datetime | None = None) -> Consistency:
    given = asked.exclude(item=None).select_related("first__item")
    retests = list(given.order_by("-id")[:COMPARED])
    # the item of a retest is a copy, for one person alone
    turns = Assignment.objects.filter(item__in=[retest.item_id for retest in retests])
    again = {turn.item_id: turn for turn in turns}
    wanted = [retest.first_id for retest in retests] + [turn.pk for turn in again.values()]
    newest: dict[int, Annotation] = {}
    for said in Annotation.objects.filter(assignment__in=wanted).order_by("revision"):
        newest[said.assignment_id] = said
    repeated = []
    for retest in retests:
        turn = again.get(retest.item_id or 0)
        then, now = newest.get(retest.first_id), newest.get(turn.pk if turn else 0)
        if then is None or now is None or (until is not None and now.created >= until):
            continue
        if then.kind == now.kind == Annotation.Kind.ANSWER:
            order = retest.first.display_order
            prefers = TASK_TYPES[retest.first.item.task_type].preferences
            votes: list[list[Preference]] = [
                prefers(each.answer or {}, len(order)) for each in (then, now)
            ]
            repeated.append(Repeated(votes[0], votes[1], order))
    return consistency(repeated)
