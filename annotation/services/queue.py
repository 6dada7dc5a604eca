"""The queue: exactly K answers per item, never K + 1, never stuck.

Every function here that changes who holds a slot first locks the item's row, so the invariant of
`Item` is checked and changed by one transaction at a time: on PostgreSQL through FOR UPDATE, on
SQLite because transactions are IMMEDIATE. The UNIQUE constraints on Assignment are the last line.
Leases are measured by the database's clock alone.
"""

import hashlib
import math
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest, Now

from annotation.models import Annotation, Assignment, Flag, Item, ItemQuerySet, Project
from annotation.services.errors import (
    AnswerInvalid,
    AssignmentLost,
    NotAllowed,
    SubmitConflict,
    TooManyOpen,
)
from annotation.task_types import TASK_TYPES, Answer

MAX_HELD = 10  # leases one person may hold in a project: two tabs that prefetch need four
CLAIM_TRIES = 5
RELEASE_BATCH = 500
MAX_DRAFT_CHARS = 20_000
MAX_RATIONALE_CHARS = 10_000
DAY_SECONDS = 86_400.0

HOLDING = (Assignment.Status.LEASED, Assignment.Status.ANSWERED)
SAID = (Assignment.Status.ANSWERED, Assignment.Status.EXTRA)


# --- taking items -------------------------------------------------------------------------------


def claim_next(project: Project, annotator: User) -> Assignment | None:
    """Lease the next item in turn to the annotator; None when nothing is open to this person.

    An item that is still leased to the annotator is not given again: `queries.open_assignments`
    has it. An item on which this person's lease ran out comes back when nothing new is open.
    """
    if project.is_archived:
        return None
    held = Assignment.objects.filter(
        item__project=project, annotator=annotator, status=Assignment.Status.LEASED
    ).count()
    if held >= MAX_HELD:
        raise TooManyOpen(f"You hold {held} open items. Answer or skip them first.")
    for _ in range(CLAIM_TRIES):
        try:
            with transaction.atomic():
                assignment = _claim(project, annotator)
        except IntegrityError:
            continue  # another tab of the same person took the same item
        if assignment is not None:
            return assignment
        if release_stale(project) == 0:
            return None
    return None


def _claim(project: Project, annotator: User) -> Assignment | None:
    queue = Item.objects.filter(project=project).open().in_turn()
    item = _lock_first(queue.unseen_by(annotator))
    if item is None:
        expired = Assignment.objects.filter(
            item=OuterRef("pk"), annotator=annotator, status=Assignment.Status.EXPIRED
        )
        item = _lock_first(queue.filter(Exists(expired)))
        if item is None:
            return None
        assignment = item.assignments.get(annotator=annotator)
    else:
        seed = secrets.randbits(63)
        assignment = Assignment(
            item=item,
            annotator=annotator,
            display_seed=seed,
            display_order=shuffled(item.item_responses.count(), seed),
        )
    item.project = project
    _take_slot(item, assignment)
    assignment.guideline = project.guidelines.order_by("-version").first()
    assignment.save()
    assignment.refresh_from_db(fields=["lease_until"])
    return assignment


def shuffled(count: int, seed: int) -> list[int]:
    """A permutation of 0 … count - 1 that depends on the seed alone, on every Python version."""
    return sorted(
        range(count), key=lambda index: hashlib.sha256(f"{seed}:{index}".encode()).digest()
    )


def heartbeat(assignment: Assignment, active_seconds: float = 0.0) -> Assignment:
    """Extend the lease and keep the greatest number of focused seconds heard of.

    A lease that ran out is taken up again while a slot is free; AssignmentLost when none is.
    """
    seconds = _bounded_seconds(active_seconds) or 0.0
    changes = {"active_seconds": Greatest(F("active_seconds"), Value(seconds))}
    leased = Assignment.objects.filter(pk=assignment.pk, status=Assignment.Status.LEASED)
    alive = leased.update(lease_until=_lease_end(assignment.item.project), **changes)
    if not alive:
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
        Assignment.objects.filter(pk=assignment.pk).update(**changes)
    assignment.refresh_from_db()
    return assignment


def mark_opened(assignment: Assignment) -> None:
    """Note that the item is on the annotator's screen now; its lease starts afresh."""
    Assignment.objects.filter(pk=assignment.pk).update(opened=Coalesce(F("opened"), Now()))
    Assignment.objects.filter(pk=assignment.pk, status=Assignment.Status.LEASED).update(
        lease_until=_lease_end(assignment.item.project)
    )


def save_draft(assignment: Assignment, draft: dict[str, object], version: int) -> int:
    """Keep what is typed so far, unless a newer version is here; returns the version kept.

    Typing is a sign of life, so it extends the lease. A draft of an item that is already
    answered or skipped is dropped.
    """
    if len(str(draft)) > MAX_DRAFT_CHARS:
        raise AnswerInvalid("rationale", f"A draft holds at most {MAX_DRAFT_CHARS} characters.")
    if not 0 < version < 2**31:
        raise AnswerInvalid("draft_version", "A draft's version is a positive whole number.")
    if _is_unstorable(str(draft)):
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
            Item.objects.filter(pk=item_id).update(open_slots=F("open_slots") + count)
            released += count
    return released


# --- answering ----------------------------------------------------------------------------------


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

    Raises AnswerInvalid, SubmitConflict (same key, other answer), AssignmentLost (skipped).
    """
    if not 0 < len(submit_key) <= 64:
        raise AnswerInvalid("submit_key", "A submit key has 1 to 64 characters.")
    if len(rationale) > MAX_RATIONALE_CHARS:
        raise AnswerInvalid(
            "rationale", f"Keep the reason below {MAX_RATIONALE_CHARS:,} characters."
        )
    if _is_unstorable(rationale) or _is_unstorable(submit_key):
        raise AnswerInvalid("rationale", "The text holds a character that cannot be stored.")
    item, current = _lock(assignment)
    answer = TASK_TYPES[item.task_type].check(
        answer, item.item_responses.count(), item.project.task_config | item.task_config
    )
    known = current.annotations.filter(submit_key=submit_key).first()
    if known is not None:
        if (known.answer, known.rationale) != (answer, rationale):
            raise SubmitConflict("This form was sent before with another answer. Load it again.")
        return known
    if current.status == Assignment.Status.SKIPPED:
        raise AssignmentLost("You skipped this item, so it was given to somebody else.")
    if current.status in (Assignment.Status.EXPIRED, Assignment.Status.EXTRA):
        if _has_free_slot(item):
            _take_slot(item, current)
        else:
            current.status = Assignment.Status.EXTRA
    if current.status == Assignment.Status.LEASED:
        current.status = Assignment.Status.ANSWERED
        _count_answers(item, +1)
    current.draft = None
    current.active_seconds = max(current.active_seconds, _bounded_seconds(seconds) or 0.0)
    current.save(update_fields=["slot", "status", "draft", "active_seconds", "lease_until"])
    return _add_revision(
        current,
        kind=Annotation.Kind.ANSWER,
        answer=answer,
        rationale=rationale,
        submit_key=submit_key,
        seconds=_bounded_seconds(seconds),
    )


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
    if _is_unstorable(reason) or _is_unstorable(note):
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

    The slot is kept and the lease starts afresh. None when there is nothing to take back.
    """
    newest = (
        Annotation.objects.filter(
            assignment__annotator=annotator,
            assignment__item__project=project,
            assignment__status__in=SAID,
        )
        .select_related("assignment__item__project")
        .order_by("-id")
        .first()
    )
    if newest is None:
        return None
    item, current = _lock(newest.assignment)
    if current.status not in SAID:
        return current  # a second click: the first one has taken it back
    if current.status == Assignment.Status.ANSWERED:
        _count_answers(item, -1)
        current.status = Assignment.Status.LEASED
        _start_lease(item, current)
    elif _has_free_slot(item):
        _take_slot(item, current)
    else:
        current.status = Assignment.Status.EXPIRED
    current.save(update_fields=["slot", "status", "lease_until"])
    current.refresh_from_db(fields=["lease_until"])
    _add_revision(
        current, kind=Annotation.Kind.WITHDRAWAL, submit_key=f"undo-{secrets.token_hex(16)}"
    )
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
    complete = locked.answer_count >= locked.answers_wanted
    locked.status = Item.Status.COMPLETE if complete else Item.Status.OPEN
    locked.save(update_fields=["status"])


# --- slots, leases, revisions: under the lock of the item ---------------------------------------


def _lock_first(items: ItemQuerySet) -> Item | None:
    """Lock the first of these items that nobody else is just changing.

    When all that are left are being changed, wait for one: the last free slot must not look taken
    only because a neighbour is at the same row.
    """
    first = items.select_for_update(skip_locked=True).first()
    return first or items.select_for_update().first()


def _lock(assignment: Assignment) -> tuple[Item, Assignment]:
    item = (
        Item.objects.select_for_update(of=("self",))
        .select_related("project")
        .get(pk=assignment.item_id)
    )
    current = Assignment.objects.select_related("guideline").get(pk=assignment.pk)
    current.item = item
    return item, current


def _has_free_slot(item: Item) -> bool:
    return item.status == Item.Status.OPEN and item.open_slots > 0


def _take_slot(item: Item, assignment: Assignment) -> None:
    """Lease the smallest free slot; the caller saves the assignment."""
    held = set(item.assignments.filter(slot__isnull=False).values_list("slot", flat=True))
    assignment.slot = min(set(range(item.answers_wanted)) - held)
    assignment.status = Assignment.Status.LEASED
    _start_lease(item, assignment)
    item.open_slots -= 1
    item.save(update_fields=["open_slots"])


def _free_slot(item: Item) -> None:
    item.open_slots += 1
    item.save(update_fields=["open_slots"])


def _start_lease(item: Item, assignment: Assignment) -> None:
    # An expression, resolved by the database when the assignment is saved.
    assignment.lease_until = _lease_end(item.project)


def _lease_end(project: Project) -> Combinable:
    return ExpressionWrapper(
        Now() + Value(timedelta(seconds=project.lease_seconds)), output_field=DateTimeField()
    )


def _count_answers(item: Item, change: int) -> None:
    item.answer_count += change
    if item.status != Item.Status.RETIRED:
        complete = item.answer_count >= item.answers_wanted
        item.status = Item.Status.COMPLETE if complete else Item.Status.OPEN
    item.save(update_fields=["answer_count", "status"])


def _add_revision(
    assignment: Assignment,
    *,
    kind: Annotation.Kind,
    submit_key: str,
    answer: Answer | None = None,
    rationale: str = "",
    seconds: float | None = None,
) -> Annotation:
    last = assignment.annotations.order_by("-revision").values_list("revision", flat=True).first()
    return Annotation.objects.create(
        assignment=assignment,
        revision=(last or 0) + 1,
        kind=kind,
        answer=answer,
        rationale=rationale,
        submit_key=submit_key,
        seconds=seconds,
        guideline=assignment.guideline,
    )


def _bounded_seconds(seconds: float | None) -> float | None:
    """A client's stop-watch is a hint: what is no sensible duration is left out."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, DAY_SECONDS)


def _is_unstorable(text: str) -> bool:
    """PostgreSQL stores neither NUL nor half a surrogate pair."""
    return "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text)
