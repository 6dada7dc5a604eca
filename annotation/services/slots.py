"""Slots, leases and revisions: what is changed only under the lock of its item.

`lock` comes first: on PostgreSQL through FOR UPDATE, on SQLite because transactions are IMMEDIATE.
So the invariant of `Item` is checked and changed by one transaction at a time. The UNIQUE
constraints on Assignment are the last line. Leases are measured by the database's clock alone.
"""

import math
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import (
    Case,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from annotation.compiled import Compiled, CompiledInsert, CompiledUpdate
from annotation.models import Annotation, Assignment, Item, Project, Tally, place_now
from annotation.task_types import Answer

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

HAS_SLOTS = (Item.Status.OPEN, Item.Status.PAUSED, Item.Status.RETEST)
DAY_SECONDS = 86_400.0
LOCKED = Compiled(
    lambda item: (
        Item.objects.select_for_update(of=("self",))
        .select_related("project__flow_policy", "named_batch")
        .filter(pk=item)
    ),
    item=int,
)


class HasRevisions(TypedDict):
    """What is fetched with an assignment: it saves a query where nothing was said before."""

    has_revisions: bool


CURRENT = Compiled(
    lambda assignment: Assignment.objects.filter(pk=assignment).annotate(
        has_revisions=Exists(Annotation.objects.filter(assignment=OuterRef("pk")))
    ),
    assignment=int,
)


def lock(assignment: Assignment) -> "tuple[Item, WithAnnotations[Assignment, HasRevisions]]":
    """The item, locked, and the assignment as it is now."""
    item = LOCKED.one(item=assignment.item_id)
    current = CURRENT.one(assignment=assignment.pk)
    current.item = item
    return item, current


def has_free_slot(item: Item) -> bool:
    if item.status == Item.Status.GOLD:
        return True
    # Of a batch that was paused, nothing new is given; whoever was away may still end a turn.
    return item.status in HAS_SLOTS and item.open_slots > 0


TURNS = Compiled(
    lambda item: Assignment.objects.filter(item=item).values_list("annotator", "slot"), item=int
)
SET_SLOTS = CompiledUpdate(
    lambda item, wanted, free: (
        Item.objects.filter(pk=item),
        {"answers_wanted": wanted, "open_slots": free},
    ),
    item=int,
    wanted=int,
    free=int,
)


def take_slot(item: Item, assignment: Assignment, held: Iterable[int | None] | None = None) -> None:
    """Lease the smallest free slot; the caller saves the assignment. Gold grows one if need be.

    `held` are the slots of all the item's turns.
    """
    if item.status == Item.Status.GOLD and item.open_slots == 0:
        item.answers_wanted += 1
        item.open_slots += 1
    if held is None:
        held = [slot for _, slot in TURNS(item=item.pk)]
    assignment.slot = min(set(range(item.answers_wanted)).difference(held))
    assignment.status = Assignment.Status.LEASED
    start_lease(item, assignment)
    item.open_slots -= 1
    SET_SLOTS(item=item.pk, wanted=item.answers_wanted, free=item.open_slots)


def free_slots(item: Item, count: int) -> None:
    item.open_slots += count
    item.came_back, item.place = True, place_now()
    item.save(update_fields=["open_slots", "came_back", "place"])


def start_lease(item: Item, assignment: Assignment) -> None:
    # An expression, resolved by the database when the assignment is saved.
    assignment.lease_until = lease_end(item.project)


def lease_end(project: Project) -> Combinable:
    return after(timedelta(seconds=project.lease_seconds))


def after(time: timedelta) -> Combinable:
    return ExpressionWrapper(Now() + Value(time), output_field=DateTimeField())


SET_ANSWER_COUNT = CompiledUpdate(
    lambda item, answer_count, status: (
        Item.objects.filter(pk=item),
        {"answer_count": answer_count, "status": status},
    ),
    item=int,
    answer_count=int,
    status=str,
)


def count_answers(
    item: Item, annotator_id: int, change: int, *, given: datetime | None = None
) -> None:
    """Count an answer (+1), or no more (-1), for the item and for who gave it.

    `given` is when it was, where that is not now: an earlier day's is none of today's.
    """
    is_retest = item.status == Item.Status.RETEST
    item.answer_count += 0 if is_retest else change
    if item.status in (Item.Status.OPEN, Item.Status.PAUSED, Item.Status.COMPLETE):
        complete = item.answer_count >= item.answers_wanted
        item.status = Item.Status.COMPLETE if complete else item.waiting_status
    SET_ANSWER_COUNT(item=item.pk, answer_count=item.answer_count, status=str(item.status))
    count_mine = partial(
        TALLIES[change],
        project=item.project_id,
        annotator=annotator_id,
        day=timezone.localdate(given),
        retests=change if is_retest else 0,
    )
    if not count_mine():
        mine = Tally(project_id=item.project_id, annotator_id=annotator_id)
        Tally.objects.bulk_create([mine], ignore_conflicts=True)
        count_mine()


def _tally(
    change: int, *, project: int, annotator: int, day: date, retests: int
) -> tuple[QuerySet[Tally], dict[str, Any]]:
    is_earlier = Q(day__gt=day)  # the answer is of a day before the one that is counted
    same_day = Greatest(F("today") + change, 0)
    return Tally.objects.filter(project=project, annotator=annotator), {
        "answered": F("answered") + change,
        "today": Case(
            When(is_earlier, then=F("today")),
            When(day=day, then=same_day),
            default=Value(max(change, 0)),
        ),
        "day": Case(When(is_earlier, then=F("day")), default=Value(day)),
        "retests": F("retests") + retests,
    }


TALLIES = {
    change: CompiledUpdate(
        partial(_tally, change), project=int, annotator=int, day=date, retests=int
    )
    for change in (-1, 1)
}


INSERT_REVISION = CompiledInsert(Annotation)


def add_revision(
    assignment: Assignment,
    *,
    revision: int,
    kind: Annotation.Kind,
    submit_key: str,
    answer: Answer | None = None,
    rationale: str = "",
    seconds: float | None = None,
) -> Annotation:
    said = Annotation(
        assignment=assignment,
        revision=revision,
        kind=kind,
        answer=answer,
        rationale=rationale,
        submit_key=submit_key,
        seconds=seconds,
        guideline_id=assignment.guideline_id,
    )
    INSERT_REVISION(said)
    return said


def bounded_seconds(seconds: float | None) -> float | None:
    """A client's stop-watch is a hint: what is no sensible duration is left out."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, DAY_SECONDS)
