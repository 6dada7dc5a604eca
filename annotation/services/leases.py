"""While an item is on the screen: signs of life, and drafts."""

from datetime import timedelta
from functools import partial
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Greatest, Now

from annotation.compiled import CompiledUpdate
from annotation.models import Assignment
from annotation.services.errors import AnswerInvalid, AssignmentLost
from annotation.services.slots import (
    after,
    bounded_seconds,
    has_free_slot,
    lease_end,
    lock,
    take_slot,
)
from annotation.services.texts import is_unstorable

MAX_DRAFT_CHARS = 200_000  # a demonstration and the reason for it, twice over


def heartbeat(assignment: Assignment, active_seconds: float = 0.0, *, opened: bool = False) -> None:
    """Extend the lease and keep the greatest number of focused seconds heard of; `opened`, note
    that the item is on the annotator's screen now.

    A lease that ran out is taken up again while a slot is free; AssignmentLost when none is.
    """
    seconds = bounded_seconds(active_seconds) or 0.0
    lease = timedelta(seconds=assignment.item.project.lease_seconds)
    if not BEATS[opened](assignment=assignment.pk, seconds=seconds, lease=lease):
        with transaction.atomic():
            item, current = lock(assignment)
            if current.status == Assignment.Status.SKIPPED:
                raise AssignmentLost("You skipped this item.")
            if current.status == Assignment.Status.EXPIRED:
                if not has_free_slot(item):
                    raise AssignmentLost(
                        "You were away for long, and someone else was given this item."
                    )
                take_slot(item, current)
                current.save(update_fields=["slot", "status", "lease_until"])
        Assignment.objects.filter(pk=assignment.pk).update(**_heard(seconds, opened))


def _heard(seconds: float, opened: bool) -> dict[str, Combinable]:
    heard: dict[str, Combinable] = {"active_seconds": Greatest(F("active_seconds"), Value(seconds))}
    return heard | ({"opened": Coalesce(F("opened"), Now())} if opened else {})


def _beat(
    opened: bool, *, assignment: int, seconds: float, lease: timedelta
) -> tuple[QuerySet[Assignment], dict[str, Combinable]]:
    leased = Assignment.objects.filter(pk=assignment, status=Assignment.Status.LEASED)
    return leased, _heard(seconds, opened) | {"lease_until": after(lease)}


BEATS = {
    opened: CompiledUpdate(partial(_beat, opened), assignment=int, seconds=float, lease=timedelta)
    for opened in (False, True)
}


OPEN = CompiledUpdate(
    lambda key, annotator: (
        Assignment.objects.filter(
            key=key, annotator=annotator, status=Assignment.Status.LEASED, opened=None
        ),
        {"opened": Now()},
    ),
    key=UUID,
    annotator=int,
)


def note_opened(key: UUID, annotator: User) -> bool:
    """Note that an item which the annotator holds is on their screen now, for the first time;
    whether it is so."""
    return OPEN(key=key, annotator=annotator.pk) == 1


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
        lease_until=lease_end(assignment.item.project)
    )
    assignment.refresh_from_db()
    return assignment.draft_version
