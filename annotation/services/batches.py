"""Batches: what is asked together, when, before what, and of whom.

Whoever changes a batch first locks its row, and brings its items into line in one UPDATE. An
answer taken back at that very moment may have seen the batch as it was; `settle_batches`, which
also opens and closes batches in their time, looks at what changed lately once more.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from annotation.models import Batch, Item, ItemQuerySet, Project, place_now
from annotation.services.errors import ContentInvalid, NotAllowed

LATELY = timedelta(minutes=10)
FIRST_PRIORITY, LAST_PRIORITY = -1000, 1000


@transaction.atomic
def add_batch(
    project: Project,
    name: str,
    *,
    priority: int = 0,
    opens: datetime | None = None,
    closes: datetime | None = None,
    people: Collection[User] = (),
    user: User | None = None,
) -> Batch:
    """Start a batch, for everybody or, where people are named, for them alone.

    Raises ContentInvalid for a name that is empty or taken, and for times the wrong way round.
    """
    cleaned = name.strip()
    if not 0 < len(cleaned) <= 100 or "\x00" in cleaned:
        raise ContentInvalid("A batch’s name has 1 to 100 characters.")
    _check_times(opens, closes)
    batch = Batch(
        project=project,
        name=cleaned,
        priority=_bounded(priority),
        opens=opens,
        closes=closes,
        is_named=bool(people),
        created_by=user,
    )
    batch.is_asked = batch.is_open_at(timezone.now())
    try:
        with transaction.atomic():
            batch.save()
    except IntegrityError:
        raise ContentInvalid(f"There is a batch named {cleaned} already.") from None
    batch.people.set(_members(project, people))
    return batch


@transaction.atomic
def get_or_add_batch(project: Project, name: str, user: User | None = None) -> Batch:
    """The batch of this name; a new one is for everybody and open."""
    known = Batch.objects.filter(project=project, name=name.strip()).first()
    return known or add_batch(project, name, user=user)


@transaction.atomic
def put_into_batch(batch: Batch, items: ItemQuerySet) -> int:
    """Let those of the items that are in no batch belong to it; returns how many.

    Chat turns, gold and retired items stay where they are.
    """
    locked = _lock(batch)
    loose = items.filter(project=locked.project_id, named_batch=None).exclude(
        origin=Item.Origin.CHAT
    )
    belongs = {"named_batch": locked, "lane": locked.lane, "priority": locked.priority}
    complete = loose.filter(status=Item.Status.COMPLETE).update(**belongs)
    waiting = loose.filter(status=Item.Status.OPEN).update(
        **belongs,
        place=place_now(),
        status=Item.Status.OPEN if locked.is_asked else Item.Status.PAUSED,
    )
    return complete + waiting


@transaction.atomic
def pause_batch(batch: Batch) -> None:
    """Ask nobody new. Turns that are open may still end."""
    _change(_lock(batch), is_paused=True)


@transaction.atomic
def resume_batch(batch: Batch) -> None:
    """Ask again, unless the batch is not open yet or closed."""
    _change(_lock(batch), is_paused=False)


@transaction.atomic
def close_batch(batch: Batch) -> None:
    """Ask nobody new from now on; items that are not complete stay as they are."""
    locked, now = _lock(batch), timezone.now()
    if locked.is_closed_at(now):
        return
    opens = locked.opens if locked.opens is None or locked.opens < now else None
    _change(locked, opens=opens, closes=now)


@transaction.atomic
def reopen_batch(batch: Batch) -> None:
    """Ask what a closed batch left unanswered."""
    _change(_lock(batch), closes=None)


@transaction.atomic
def set_batch_terms(
    batch: Batch, *, opens: datetime | None, closes: datetime | None, people: Collection[User]
) -> None:
    """Ask from then until then, these people alone, or everybody where nobody is named.

    Turns that are open may still end. Raises ContentInvalid for times the wrong way round, and
    NotAllowed for somebody who is no member of the project.
    """
    _check_times(opens, closes)
    locked = _lock(batch)
    locked.people.set(_members(locked.project, people))
    locked.is_named = bool(people)
    Item.objects.filter(named_batch=locked).exclude(lane=locked.lane).update(
        lane=locked.lane, place=place_now()
    )
    _change(locked, opens=opens, closes=closes, is_named=locked.is_named)


@transaction.atomic
def set_batch_priority(batch: Batch, priority: int) -> None:
    """Ask its items before those of lower priority, and after the others of its own."""
    locked = _lock(batch)
    wanted = _bounded(priority)
    if wanted == locked.priority:
        return
    Item.objects.filter(named_batch=locked).update(priority=wanted, place=place_now())
    _change(locked, priority=wanted)


def settle_batches() -> int:
    """Open and close batches whose time has come; returns how many were looked at."""
    now = timezone.now()
    open_now = Batch.objects.open_at(now).values("pk")
    due = Q(is_asked=True) & ~Q(pk__in=open_now) | Q(is_asked=False, pk__in=open_now)
    batches = list(Batch.objects.filter(due | Q(changed__gt=now - LATELY)).order_by("pk"))
    for batch in batches:
        with transaction.atomic():
            _bring_into_line(_lock(batch))
    return len(batches)


def _lock(batch: Batch) -> Batch:
    return Batch.objects.select_for_update().get(pk=batch.pk)


def _change(locked: Batch, **fields: Any) -> None:
    for name, value in (fields | {"changed": timezone.now()}).items():
        setattr(locked, name, value)
    locked.save(update_fields=[*fields, "changed"])
    _bring_into_line(locked)


def _bring_into_line(locked: Batch) -> None:
    """Let the items that wait be asked exactly while the batch is open."""
    is_asked = locked.is_open_at(timezone.now())
    items = Item.objects.filter(named_batch=locked)
    if is_asked:
        items.filter(status=Item.Status.PAUSED).update(status=Item.Status.OPEN, place=place_now())
    else:
        items.filter(status=Item.Status.OPEN).update(status=Item.Status.PAUSED)
    if is_asked != locked.is_asked:
        locked.is_asked = is_asked
        locked.save(update_fields=["is_asked"])


def _members(project: Project, people: Collection[User]) -> list[User]:
    wanted = {person.pk for person in people}
    members = list(User.objects.filter(memberships__project=project, pk__in=wanted))
    if len(members) < len(wanted):
        raise NotAllowed(f"Only members of {project.name} can be named.")
    return members


def _check_times(opens: datetime | None, closes: datetime | None) -> None:
    if opens is not None and closes is not None and closes <= opens:
        raise ContentInvalid("A batch closes after it opens: name a later time for the end.")


def _bounded(priority: int) -> int:
    return min(max(priority, FIRST_PRIORITY), LAST_PRIORITY)
