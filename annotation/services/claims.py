"""Giving items out: exactly K answers per item, never K + 1, never stuck.

Which item comes next is found by `lanes`; who holds a slot is changed by `slots`.
"""

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, TypedDict, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import (
    Count,
    OuterRef,
    QuerySet,
    Subquery,
)
from django.db.models.functions import Coalesce, Now

from annotation.compiled import Compiled, CompiledInsert
from annotation.models import (
    Assignment,
    Guideline,
    Item,
    ItemQuerySet,
    ItemResponse,
    Project,
    is_offered_to,
    is_opted_out,
)
from annotation.services import lanes
from annotation.services.errors import (
    TooManyOpen,
)
from annotation.services.extras import count_extras
from annotation.services.slots import TURNS, free_slots, has_free_slot, take_slot

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

MAX_HELD = 10  # leases one person may hold in a project: two tabs that prefetch need four
RELEASE_BATCH = 500


def claim_next(project: Project, annotator: User, *, held: int | None = None) -> Assignment | None:
    """Lease the next item in turn to the annotator; None when nothing is open to this person.

    `held` is how many open items the person has, where that was just counted.

    An item that is still leased to the annotator is not given again: `queries.open_assignments`
    has it. An item on which this person's lease ran out comes back when nothing new is open.
    """
    if project.is_archived:
        return None
    if held is None:
        mine = Assignment.objects.filter(item__project=project, annotator=annotator)
        held = mine.filter(status=Assignment.Status.LEASED).count()
    if held >= MAX_HELD:
        raise TooManyOpen(f"You hold {held} open items. Answer or skip them first.")
    while True:
        for items in chain(lanes.ahead(project, annotator), _lapsed(project, annotator)):
            assignment = _claim_one_of(items, project, annotator)
            if assignment is not None:
                return assignment
        if release_stale(project) == 0 and not lanes.forget(project, annotator):
            return None


def _lapsed(project: Project, annotator: User) -> Iterator[list[int]]:
    """Open items on which the person's lease ran out, those claimed first before the others."""
    lapsed = Assignment.objects.filter(
        annotator=annotator,
        status=Assignment.Status.EXPIRED,
        item__project=project,
        item__status=Item.Status.OPEN,
        item__open_slots__gt=0,
    ).filter(
        ~is_opted_out(annotator, "item__prompt", "item__project"),
        is_offered_to(annotator, "item__"),
    )
    yield list(lapsed.order_by("claimed").values_list("item_id", flat=True)[: lanes.OFFERED])


def _claim_one_of(ids: list[int], project: Project, annotator: User) -> Assignment | None:
    """Claim the first of these items that nobody else is just changing.

    When all that are left are being changed, wait for one: the last free slot must not look taken
    only because a neighbour is at the same row. A query that locks keeps every row that it found
    not to fit any more, so each try is a transaction of its own, and one that waits names a single
    row: whoever waits holds nothing that somebody else could wait for.
    """
    left = list(ids)
    while left:
        with transaction.atomic():
            padded = dict(zip(OFFERED_NAMES, left + left[:1] * lanes.OFFERED, strict=False))
            item = FREE.first(**padded)
            if item and (assignment := _claim(item, project, annotator)):
                return assignment
        if item is None:
            items = Item.objects.filter(pk__in=left).open().in_turn()
            busy = items.values_list("pk", flat=True).first()
            if busy is None:
                return None
            with transaction.atomic():
                named = Item.objects.select_for_update(of=("self",)).filter(pk=busy)
                item = _with_needs(named.open()).first()
                if item and (assignment := _claim(item, project, annotator)):
                    return assignment
        if item is not None:
            left.remove(item.pk)
    return None


class Needs(TypedDict):
    """What `_claim` needs to know of an item, fetched with it: fewer queries under the lock."""

    response_count: int
    newest_guideline: int | None
    now: datetime


def _with_needs(items: ItemQuerySet) -> "QuerySet[WithAnnotations[Item, Needs]]":
    responses = ItemResponse.objects.filter(item=OuterRef("pk")).order_by().values("item")
    guidelines = Guideline.objects.filter(project=OuterRef("project")).order_by("-version")
    annotated = items.select_related("prompt").annotate(
        response_count=Coalesce(Subquery(responses.values(count=Count("pk"))), 0),
        newest_guideline=Subquery(guidelines.values("pk")[:1]),
        now=Now(),
    )
    return cast("QuerySet[WithAnnotations[Item, Needs]]", annotated)


def _free(**ids: int) -> "QuerySet[WithAnnotations[Item, Needs]]":
    offered = Item.objects.filter(pk__in=list(ids.values())).open().in_turn()
    return _with_needs(offered.select_for_update(skip_locked=True, of=("self",)))[:1]


OFFERED_NAMES = [f"item_{n}" for n in range(lanes.OFFERED)]
FREE = Compiled(_free, **dict.fromkeys(OFFERED_NAMES, int))


INSERT_TURN = CompiledInsert(Assignment)


def _claim(
    item: "WithAnnotations[Item, Needs]", project: Project, annotator: User
) -> Assignment | None:
    """Lease the locked item; None if it was put to the annotator meanwhile, in another tab."""
    item.project = project
    turns = dict(TURNS(item=item.pk))
    if annotator.pk in turns:
        assignment = Assignment.objects.get(item=item, annotator=annotator)
        if assignment.status != Assignment.Status.EXPIRED:
            return None
        assignment.item = item
    else:
        seed = secrets.randbits(63)
        assignment = Assignment(
            item=item,
            annotator=annotator,
            display_seed=seed,
            display_order=shuffled(item.response_count, seed),
        )
    take_slot(item, assignment, turns.values())
    assignment.lease_until = item.now + timedelta(seconds=project.lease_seconds)
    assignment.guideline_id = item.newest_guideline
    if assignment.pk is None:
        INSERT_TURN(assignment)
        assignment.is_new = True
    else:
        assignment.save()
    return assignment


@transaction.atomic
def claim_item(item: Item, annotator: User) -> Assignment | None:
    """Lease this very item to somebody who was never put to it; None when it is not to be had."""
    free = Item.objects.select_for_update(of=("self",)).select_related("project")
    locked = _with_needs(free).get(pk=item.pk)
    if not has_free_slot(locked) or locked.assignments.filter(annotator=annotator).exists():
        return None
    return _claim(locked, locked.project, annotator)


def shuffled(count: int, seed: int) -> list[int]:
    """A permutation of 0 … count - 1 that depends on the seed alone, on every Python version."""
    return sorted(
        range(count), key=lambda index: hashlib.sha256(f"{seed}:{index}".encode()).digest()
    )


def release_stale(project: Project | None = None) -> int:
    """Free the slots of leases that ran out; returns how many. Items in use are left for later."""
    stale = Assignment.objects.filter(status=Assignment.Status.LEASED, lease_until__lt=Now())
    if project is not None:
        stale = stale.filter(item__project=project)
    released = 0
    items = stale.order_by("item_id").values_list("item_id", flat=True).distinct()
    for item_id in list(items[:RELEASE_BATCH]):
        with transaction.atomic():
            # skip_locked: whoever holds the row is just answering or claiming it
            locked = Item.objects.select_for_update(skip_locked=True).filter(pk=item_id).first()
            if locked is None:
                continue
            # Looked at again under the lock: a heartbeat may have come in between.
            count = Assignment.objects.filter(
                item_id=item_id, status=Assignment.Status.LEASED, lease_until__lt=Now()
            ).update(status=Assignment.Status.EXPIRED, slot=None)
            if count:
                free_slots(locked, count)
                count_extras(locked)
            released += count
    return released
