"""The queue: exactly K answers per item, never K + 1, never stuck.

Every function here that changes who holds a slot first locks the item's row, so the invariant of
`Item` is checked and changed by one transaction at a time: on PostgreSQL through FOR UPDATE, on
SQLite because transactions are IMMEDIATE. The UNIQUE constraints on Assignment are the last line.
Leases are measured by the database's clock alone. Which item comes next is found by `lanes`.
"""

import hashlib
import math
import secrets
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, TypedDict, cast

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import (
    Case,
    Count,
    DateTimeField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils import timezone

from annotation.compiled import Compiled, CompiledUpdate
from annotation.models import (
    Annotation,
    AnswerComment,
    Assignment,
    Flag,
    Gold,
    Guideline,
    Item,
    ItemQuerySet,
    ItemResponse,
    Project,
    Tally,
    is_offered_to,
    is_opted_out,
    place_now,
)
from annotation.services import lanes
from annotation.services.errors import (
    AnswerInvalid,
    AssignmentLost,
    NotAllowed,
    SubmitConflict,
    TooManyOpen,
)
from annotation.services.overlap import settle_overlap
from annotation.services.retest_plan import plan_retest
from annotation.task_types import TASK_TYPES, Answer
from annotation.task_types.contract import KeepsDiff

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

MAX_HELD = 10  # leases one person may hold in a project: two tabs that prefetch need four
RELEASE_BATCH = 500
MAX_DRAFT_CHARS = 200_000  # a demonstration and the reason for it, twice over
MAX_RATIONALE_CHARS = 10_000
DAY_SECONDS = 86_400.0
EDIT_WINDOW = timedelta(hours=24)  # in which an answer can be changed

HOLDING = (Assignment.Status.LEASED, Assignment.Status.ANSWERED)
HAS_SLOTS = (Item.Status.OPEN, Item.Status.PAUSED, Item.Status.RETEST)
SAID = (Assignment.Status.ANSWERED, Assignment.Status.EXTRA)


# --- taking items -------------------------------------------------------------------------------


def claim_next(project: Project, annotator: User) -> Assignment | None:
    """Lease the next item in turn to the annotator; None when nothing is open to this person.

    An item that is still leased to the annotator is not given again: `queries.open_assignments`
    has it. An item on which this person's lease ran out comes back when nothing new is open.
    """
    if project.is_archived:
        return None
    held = len(HELD(project=project.pk, annotator=annotator.pk))
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


def _held(project: int, annotator: int) -> QuerySet[Assignment, int]:
    leased = Assignment.objects.filter(
        item__project=project, annotator=annotator, status=Assignment.Status.LEASED
    )
    return leased.values_list("pk", flat=True)[:MAX_HELD]


HELD = Compiled(_held, project=int, annotator=int)


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
TURNS = Compiled(
    lambda item: Assignment.objects.filter(item=item).values_list("annotator", "slot"), item=int
)


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
    _take_slot(item, assignment, turns.values())
    assignment.lease_until = item.now + timedelta(seconds=project.lease_seconds)
    assignment.guideline_id = item.newest_guideline
    assignment.save()
    return assignment


@transaction.atomic
def claim_item(item: Item, annotator: User) -> Assignment | None:
    """Lease this very item to somebody who was never put to it; None when it is not to be had."""
    free = Item.objects.select_for_update(of=("self",)).select_related("project")
    locked = _with_needs(free).get(pk=item.pk)
    if not _has_free_slot(locked) or locked.assignments.filter(annotator=annotator).exists():
        return None
    return _claim(locked, locked.project, annotator)


def shuffled(count: int, seed: int) -> list[int]:
    """A permutation of 0 … count - 1 that depends on the seed alone, on every Python version."""
    return sorted(
        range(count), key=lambda index: hashlib.sha256(f"{seed}:{index}".encode()).digest()
    )


def heartbeat(assignment: Assignment, active_seconds: float = 0.0, *, opened: bool = False) -> None:
    """Extend the lease and keep the greatest number of focused seconds heard of; `opened`, note
    that the item is on the annotator's screen now.

    A lease that ran out is taken up again while a slot is free; AssignmentLost when none is.
    """
    seconds = _bounded_seconds(active_seconds) or 0.0
    lease = timedelta(seconds=assignment.item.project.lease_seconds)
    if not BEATS[opened](assignment=assignment.pk, seconds=seconds, lease=lease):
        with transaction.atomic():
            item, current = _lock(assignment)
            if current.status == Assignment.Status.SKIPPED:
                raise AssignmentLost("You skipped this item.")
            if current.status == Assignment.Status.EXPIRED:
                if not _has_free_slot(item):
                    raise AssignmentLost(
                        "You were away for long, and someone else was given this item."
                    )
                _take_slot(item, current)
                current.save(update_fields=["slot", "status", "lease_until"])
        Assignment.objects.filter(pk=assignment.pk).update(**_heard(seconds, opened))


def _heard(seconds: float, opened: bool) -> dict[str, Combinable]:
    heard: dict[str, Combinable] = {"active_seconds": Greatest(F("active_seconds"), Value(seconds))}
    return heard | ({"opened": Coalesce(F("opened"), Now())} if opened else {})


def _beat(
    opened: bool, *, assignment: int, seconds: float, lease: timedelta
) -> tuple[QuerySet[Assignment], dict[str, Combinable]]:
    leased = Assignment.objects.filter(pk=assignment, status=Assignment.Status.LEASED)
    return leased, _heard(seconds, opened) | {"lease_until": _after(lease)}


BEATS = {
    opened: CompiledUpdate(partial(_beat, opened), assignment=int, seconds=float, lease=timedelta)
    for opened in (False, True)
}


def save_draft(assignment: Assignment, draft: dict[str, object], version: int) -> int:
    """Keep what is typed so far, unless a newer version is here; returns the version kept.

    Typing is a sign of life, so it extends the lease. A draft of an item that is already
    answered or skipped is dropped.
    """
    if len(str(draft)) > MAX_DRAFT_CHARS:
        raise AnswerInvalid("rationale", f"A draft holds at most {MAX_DRAFT_CHARS} characters.")
    if not 0 < version < 2**31:
        raise AnswerInvalid("draft_version", "A draft's version is a positive whole number.")
    if is_unstorable(str(draft)):
        raise AnswerInvalid("rationale", "The text holds a character that cannot be stored.")
    open_ones = Assignment.objects.filter(
        pk=assignment.pk, status__in=[Assignment.Status.LEASED, Assignment.Status.EXPIRED]
    )
    open_ones.filter(draft_version__lt=version).update(draft=draft, draft_version=version)
    open_ones.filter(status=Assignment.Status.LEASED).update(
        lease_until=_lease_end(assignment.item.project)
    )
    assignment.refresh_from_db()
    return assignment.draft_version


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
                Item.objects.filter(pk=item_id).update(
                    open_slots=F("open_slots") + count, came_back=True, place=place_now()
                )
            released += count
    return released


# --- answering ----------------------------------------------------------------------------------


SAY = CompiledUpdate(
    lambda assignment, status, active_seconds: (
        Assignment.objects.filter(pk=assignment),
        {"status": status, "active_seconds": active_seconds, "draft": None},
    ),
    assignment=int,
    status=str,
    active_seconds=float,
)
REVISIONS = Compiled(
    lambda assignment: Annotation.objects.filter(assignment=assignment).order_by("-revision"),
    assignment=int,
)


@transaction.atomic
def submit_answer(
    assignment: Assignment,
    *,
    answer: Answer,
    rationale: str = "",
    submit_key: str,
    seconds: float | None = None,
) -> Annotation:
    """Store an answer in canonical order as a new revision; the same key again adds nothing.

    An answer after the lease ran out takes a free slot if there is one, else it is kept as
    `extra`, outside every count. Answering an answered item again is an edit.

    Raises AnswerInvalid, SubmitConflict (same key, other answer), AssignmentLost (skipped),
    NotAllowed (an edit after EDIT_WINDOW, or of a training item).
    """
    if not 0 < len(submit_key) <= 64:
        raise AnswerInvalid("submit_key", "A submit key has 1 to 64 characters.")
    if len(rationale) > MAX_RATIONALE_CHARS:
        raise AnswerInvalid(
            "rationale", f"Keep the reason below {MAX_RATIONALE_CHARS:,} characters."
        )
    if is_unstorable(rationale) or is_unstorable(submit_key):
        raise AnswerInvalid("rationale", "The text holds a character that cannot be stored.")
    item, current = _lock(assignment)
    held = current.slot
    answer = checked_answer(item, len(current.display_order), answer)
    revisions = REVISIONS(assignment=current.pk)
    known = next((each for each in revisions if each.submit_key == submit_key), None)
    if known is not None:
        if (known.answer, known.rationale) != (answer, rationale):
            raise SubmitConflict("This form was sent before with another answer. Load it again.")
        return known
    if current.status in SAID and _is_training(item):
        raise NotAllowed("You have seen the researchers’ answer to this one, so yours stays.")
    if current.status in SAID and current.answer_comments.exists():
        raise NotAllowed("A reviewer has commented on this answer, so it stays. Reply instead.")
    if current.status in SAID and revisions and not is_in_edit_window(revisions[0]):
        raise NotAllowed("You answered this more than 24 hours ago, so your answer stays as it is.")
    if current.status == Assignment.Status.SKIPPED:
        raise AssignmentLost("You skipped this item, so it was given to somebody else.")
    if current.status in (Assignment.Status.EXPIRED, Assignment.Status.EXTRA):
        if _has_free_slot(item):
            _take_slot(item, current)
        else:
            current.status = Assignment.Status.EXTRA
    if current.status == Assignment.Status.LEASED:
        current.status = Assignment.Status.ANSWERED
        _count_answers(item, current.annotator_id, +1)
        plan_retest(current)
    current.draft = None
    current.active_seconds = max(current.active_seconds, _bounded_seconds(seconds) or 0.0)
    if current.slot == held:
        SAY(
            assignment=current.pk, status=str(current.status), active_seconds=current.active_seconds
        )
    else:
        current.save(update_fields=["slot", "status", "draft", "active_seconds", "lease_until"])
    said = _add_revision(
        current,
        revision=revisions[0].revision + 1 if revisions else 1,
        kind=Annotation.Kind.ANSWER,
        answer=answer,
        rationale=rationale,
        submit_key=submit_key,
        seconds=_bounded_seconds(seconds),
    )
    settle_overlap(item)
    return said


@transaction.atomic
def skip(assignment: Assignment, reason: str = "") -> Assignment:
    """Give the slot back; this person never sees the item again."""
    item, current = _lock(assignment)
    if current.status in SAID:
        raise NotAllowed("You have answered this item. Undo the answer before you skip it.")
    if current.status == Assignment.Status.LEASED:
        _free_slot(item)
    current.slot = None
    current.status = Assignment.Status.SKIPPED
    current.skip_reason = current.skip_reason or reason[:200]
    current.draft = None
    current.save(update_fields=["slot", "status", "skip_reason", "draft"])
    return current


def flag(assignment: Assignment, reason: str, note: str = "") -> Flag:
    """Tell the researchers that something is wrong with the item; the turn goes on."""
    if not reason.strip():
        raise AnswerInvalid("reason", "Say what is wrong with the item.")
    if is_unstorable(reason) or is_unstorable(note):
        raise AnswerInvalid("note", "The text holds a character that cannot be stored.")
    raised, _ = Flag.objects.update_or_create(
        item_id=assignment.item_id,
        annotator_id=assignment.annotator_id,
        reason=reason.strip()[:100],
        defaults={"note": note[:MAX_RATIONALE_CHARS]},
    )
    return raised


@transaction.atomic
def undo_last(project: Project, annotator: User) -> Assignment | None:
    """Take the person's newest answer back by a withdrawing revision; the item is theirs again.

    The slot is kept and the lease starts afresh. None when there is nothing to take back: answers
    to training items stay, because the researchers' answer was shown, and so do those that a
    reviewer has commented on.
    """
    newest = (
        Annotation.objects.filter(
            assignment__annotator=annotator,
            assignment__item__project=project,
            assignment__status__in=SAID,
        )
        .exclude(assignment__item__gold__kind=Gold.Kind.TRAINING)
        .filter(~Exists(AnswerComment.objects.filter(assignment=OuterRef("assignment"))))
        .select_related("assignment__item__project")
        .order_by("-id")
        .first()
    )
    if newest is None:
        return None
    item, current = _lock(newest.assignment)
    if current.status in SAID and current.answer_comments.exists():
        raise NotAllowed("A reviewer has commented on this answer, so it stays. Reply instead.")
    if current.status not in SAID:
        return current  # a second click: the first one has taken it back
    if current.status == Assignment.Status.ANSWERED:
        _count_answers(item, current.annotator_id, -1)
        current.status = Assignment.Status.LEASED
        _start_lease(item, current)
    elif _has_free_slot(item):
        _take_slot(item, current)
    else:
        current.status = Assignment.Status.EXPIRED
    current.save(update_fields=["slot", "status", "lease_until"])
    current.refresh_from_db(fields=["lease_until"])
    _add_revision(
        current,
        revision=1 + max(current.annotations.values_list("revision", flat=True)),
        kind=Annotation.Kind.WITHDRAWAL,
        submit_key=f"undo-{secrets.token_hex(16)}",
    )
    settle_overlap(item)
    return current


@transaction.atomic
def retire_item(item: Item) -> None:
    """Ask nobody new. Turns that are open may still end, and what was said stays."""
    locked = Item.objects.select_for_update().get(pk=item.pk)
    locked.status = Item.Status.RETIRED
    locked.save(update_fields=["status"])


@transaction.atomic
def reopen_item(item: Item) -> None:
    """Put a retired item back into the queue, for the answers it still lacks."""
    locked = Item.objects.select_for_update().get(pk=item.pk)
    if Gold.objects.filter(item=locked).exists():
        raise NotAllowed("An item that is or was gold does not go back into the queue.")
    complete = locked.answer_count >= locked.answers_wanted
    locked.status = Item.Status.COMPLETE if complete else locked.waiting_status
    locked.came_back, locked.place = True, place_now()
    locked.save(update_fields=["status", "came_back", "place"])


@transaction.atomic
def set_priority(item: Item, priority: int) -> None:
    """Ask this item before those of lower priority, and after the others of its own."""
    locked = Item.objects.select_for_update().get(pk=item.pk)
    locked.priority, locked.place = priority, place_now()
    locked.save(update_fields=["priority", "place"])


def checked_answer(item: Item, responses: int, answer: Answer) -> Answer:
    """The answer as it is stored; AnswerInvalid when it is none to this item."""
    kind = TASK_TYPES[item.task_type]
    answer = kind.check(answer, responses, item.project.task_config | item.task_config)
    if isinstance(kind, KeepsDiff):
        texts = item.item_responses.order_by("position").values_list("response__text", flat=True)
        answer = kind.with_diff(answer, list(texts))
    return answer


# --- slots, leases, revisions: under the lock of the item ---------------------------------------


LOCKED = Compiled(
    lambda item: (
        Item.objects.select_for_update(of=("self",))
        .select_related("project__flow_policy", "named_batch")
        .filter(pk=item)
    ),
    item=int,
)
CURRENT = Compiled(lambda assignment: Assignment.objects.filter(pk=assignment), assignment=int)


def _lock(assignment: Assignment) -> tuple[Item, Assignment]:
    """The item, locked, and the assignment as it is now."""
    item = LOCKED.one(item=assignment.item_id)
    current = CURRENT.one(assignment=assignment.pk)
    current.item = item
    return item, current


def _has_free_slot(item: Item) -> bool:
    if item.status == Item.Status.GOLD:
        return True
    # Of a batch that was paused, nothing new is given; whoever was away may still end a turn.
    return item.status in HAS_SLOTS and item.open_slots > 0


def is_in_edit_window(said: Annotation) -> bool:
    """Whether this newest revision of an answer can still be changed."""
    return said.created > timezone.now() - EDIT_WINDOW


def _is_training(item: Item) -> bool:
    if item.status != Item.Status.GOLD:
        return False
    return Gold.objects.filter(item=item, kind=Gold.Kind.TRAINING).exists()


TAKE = CompiledUpdate(
    lambda item, wanted, free: (
        Item.objects.filter(pk=item),
        {"answers_wanted": wanted, "open_slots": free},
    ),
    item=int,
    wanted=int,
    free=int,
)


def _take_slot(
    item: Item, assignment: Assignment, held: Iterable[int | None] | None = None
) -> None:
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
    _start_lease(item, assignment)
    item.open_slots -= 1
    TAKE(item=item.pk, wanted=item.answers_wanted, free=item.open_slots)


def _free_slot(item: Item) -> None:
    item.open_slots += 1
    item.came_back, item.place = True, place_now()
    item.save(update_fields=["open_slots", "came_back", "place"])


def _start_lease(item: Item, assignment: Assignment) -> None:
    # An expression, resolved by the database when the assignment is saved.
    assignment.lease_until = _lease_end(item.project)


def _lease_end(project: Project) -> Combinable:
    return _after(timedelta(seconds=project.lease_seconds))


def _after(time: timedelta) -> Combinable:
    return ExpressionWrapper(Now() + Value(time), output_field=DateTimeField())


def _count_answers(item: Item, annotator_id: int, change: int) -> None:
    is_retest = item.status == Item.Status.RETEST
    item.answer_count += 0 if is_retest else change
    if item.status in (Item.Status.OPEN, Item.Status.PAUSED, Item.Status.COMPLETE):
        complete = item.answer_count >= item.answers_wanted
        item.status = Item.Status.COMPLETE if complete else item.waiting_status
    COUNT(item=item.pk, answer_count=item.answer_count, status=str(item.status))
    count_mine = partial(
        TALLIES[change],
        project=item.project_id,
        annotator=annotator_id,
        day=timezone.localdate(),
        retests=change if is_retest else 0,
    )
    if not count_mine():
        mine = Tally(project_id=item.project_id, annotator_id=annotator_id)
        Tally.objects.bulk_create([mine], ignore_conflicts=True)
        count_mine()


def _tally(
    change: int, *, project: int, annotator: int, day: date, retests: int
) -> tuple[QuerySet[Tally], dict[str, Any]]:
    # What is taken back may be of an earlier day: then it was not counted in this one.
    of_today = Greatest(F("today") + change, 0)
    return Tally.objects.filter(project=project, annotator=annotator), {
        "answered": F("answered") + change,
        "today": Case(When(day=day, then=of_today), default=Value(max(change, 0))),
        "day": day,
        "retests": F("retests") + retests,
    }


COUNT = CompiledUpdate(
    lambda item, answer_count, status: (
        Item.objects.filter(pk=item),
        {"answer_count": answer_count, "status": status},
    ),
    item=int,
    answer_count=int,
    status=str,
)
TALLIES = {
    change: CompiledUpdate(
        partial(_tally, change), project=int, annotator=int, day=date, retests=int
    )
    for change in (-1, 1)
}


def _add_revision(
    assignment: Assignment,
    *,
    revision: int,
    kind: Annotation.Kind,
    submit_key: str,
    answer: Answer | None = None,
    rationale: str = "",
    seconds: float | None = None,
) -> Annotation:
    return Annotation.objects.create(
        assignment=assignment,
        revision=revision,
        kind=kind,
        answer=answer,
        rationale=rationale,
        submit_key=submit_key,
        seconds=seconds,
        guideline_id=assignment.guideline_id,
    )


def _bounded_seconds(seconds: float | None) -> float | None:
    """A client's stop-watch is a hint: what is no sensible duration is left out."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, DAY_SECONDS)


def is_unstorable(text: str) -> bool:
    """PostgreSQL stores neither NUL nor half a surrogate pair."""
    return "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text)
