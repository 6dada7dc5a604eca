"""An answer that came when its slot was gone has the next slot that falls free.

Whoever gave it is not asked again, so without this the item would want one person more, and in a
small team it would wait for ever.
"""

from django.db.models import Min

from annotation.models import Assignment, Item
from annotation.services.overlap import settle_overlap
from annotation.services.retest_plan import plan_retest
from annotation.services.slots import count_answers, take_slot

IN_QUEUE = (Item.Status.OPEN, Item.Status.PAUSED)


def count_extras(item: Item) -> None:
    """Count answers kept as extra while slots are free, those given first before the others.

    The caller holds the item's lock.
    """
    while item.status in IN_QUEUE and item.open_slots > 0:
        extras = item.assignments.filter(status=Assignment.Status.EXTRA)
        said = extras.annotate(said=Min("annotations__id"), given=Min("annotations__created"))
        first_said = said.order_by("said").first()
        if first_said is None:
            return
        first_said.item = item
        take_slot(item, first_said)
        first_said.status = Assignment.Status.ANSWERED
        first_said.save(update_fields=["slot", "status", "lease_until"])
        count_answers(item, first_said.annotator_id, +1, given=first_said.given)
        plan_retest(first_said)
        settle_overlap(item)
