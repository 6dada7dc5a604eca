"""One answer more where people disagree.

An item that is complete, and whose answers differ, wants one answer more, stage by stage, until
they agree or the project's `max_overlap` is reached. `overlap_added` says how many of the answers
wanted were added so. The invariant of `Item` holds at each stage: a slot is added or taken back
under the lock that the answer came with.

A slot that was added and that nobody has taken yet is taken back when it lost its reason: an
answer below it was withdrawn, or was changed so that all agree now.
"""

from annotation.aggregation.majority import agree
from annotation.models import Annotation, FlowPolicy, Item, place_now
from annotation.task_types import TASK_TYPES


def settle_overlap(item: Item) -> bool:
    """Add or take back slots by what the answers say now; whether one was added.

    The caller holds the item's lock.
    """
    policy: FlowPolicy | None = getattr(item.project, "flow_policy", None)
    if policy is None or item.origin == Item.Origin.CHAT:
        return False
    if item.status == Item.Status.COMPLETE:
        if item.answers_wanted < policy.max_overlap and not _agree(item, policy):
            _change(item, +1)
            return True
    elif item.status in (Item.Status.OPEN, Item.Status.PAUSED) and item.overlap_added:
        while item.overlap_added and item.open_slots and _is_needless(item, policy):
            _change(item, -1)
    return False


def _is_needless(item: Item, policy: FlowPolicy) -> bool:
    below = item.answers_wanted - 1
    if item.answer_count < below:
        return True  # it was added because of an answer that is not there any more
    return item.answer_count == below and _agree(item, policy)


def _change(item: Item, slots: int) -> None:
    item.answers_wanted += slots
    item.open_slots += slots
    item.overlap_added += slots
    complete = item.answer_count >= item.answers_wanted
    item.status = Item.Status.COMPLETE if complete else item.waiting_status
    item.came_back, item.place = True, place_now()
    slots_and_turn = ["answers_wanted", "open_slots", "overlap_added", "came_back", "place"]
    item.save(update_fields=[*slots_and_turn, "status"])


def _agree(item: Item, policy: FlowPolicy) -> bool:
    said = Annotation.objects.current().filter(assignment__item=item)
    preferences = TASK_TYPES[item.task_type].preferences
    rows = said.values_list("answer", "assignment__display_order")
    answers = [preferences(answer or {}, len(shown)) for answer, shown in rows]
    return agree(answers, policy.agree_share)
