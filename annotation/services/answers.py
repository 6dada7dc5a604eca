"""What people say of an item: answers, skips, flags, and what is taken back."""

import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from annotation.compiled import Compiled, CompiledUpdate
from annotation.models import Annotation, AnswerComment, Assignment, Flag, Gold, Item, Project
from annotation.services.errors import AnswerInvalid, AssignmentLost, NotAllowed, SubmitConflict
from annotation.services.extras import count_extras
from annotation.services.overlap import settle_overlap
from annotation.services.retest_plan import plan_retest
from annotation.services.slots import (
    add_revision,
    bounded_seconds,
    count_answers,
    free_slots,
    has_free_slot,
    lock,
    start_lease,
    take_slot,
)
from annotation.services.texts import is_unstorable
from annotation.task_types import TASK_TYPES, Answer
from annotation.task_types.contract import KeepsDiff

MAX_RATIONALE_CHARS = 10_000
EDIT_WINDOW = timedelta(hours=24)  # in which an answer can be changed
WITH_ANSWER = (Assignment.Status.ANSWERED, Assignment.Status.EXTRA)
END_TURN = CompiledUpdate(
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
    `extra`, outside every count until one falls free. Answering an answered item again is an edit.

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
    item, current = lock(assignment)
    held = current.slot
    answer = checked_answer(item, len(current.display_order), answer)
    revisions = REVISIONS(assignment=current.pk) if current.has_revisions else []
    known = next((each for each in revisions if each.submit_key == submit_key), None)
    if known is not None:
        if (known.answer, known.rationale) != (answer, rationale):
            raise SubmitConflict("This form was sent before with another answer. Load it again.")
        return known
    if current.status in WITH_ANSWER and _is_training(item):
        raise NotAllowed("You have seen the researchers’ answer to this one, so yours stays.")
    if current.status in WITH_ANSWER and current.answer_comments.exists():
        raise NotAllowed("A reviewer has commented on this answer, so it stays. Reply instead.")
    if current.status in WITH_ANSWER and revisions and not is_in_edit_window(revisions[0]):
        raise NotAllowed("You answered this more than 24 hours ago, so your answer stays as it is.")
    if current.status == Assignment.Status.SKIPPED:
        raise AssignmentLost("You skipped this item, so it was given to somebody else.")
    if current.status in (Assignment.Status.EXPIRED, Assignment.Status.EXTRA):
        if has_free_slot(item):
            take_slot(item, current)
        else:
            current.status = Assignment.Status.EXTRA
    if current.status == Assignment.Status.LEASED:
        current.status = Assignment.Status.ANSWERED
        count_answers(item, current.annotator_id, +1)
        plan_retest(current)
    current.draft = None
    current.active_seconds = max(current.active_seconds, bounded_seconds(seconds) or 0.0)
    if current.slot == held:
        END_TURN(
            assignment=current.pk, status=str(current.status), active_seconds=current.active_seconds
        )
    else:
        current.save(update_fields=["slot", "status", "draft", "active_seconds", "lease_until"])
    said = add_revision(
        current,
        revision=revisions[0].revision + 1 if revisions else 1,
        kind=Annotation.Kind.ANSWER,
        answer=answer,
        rationale=rationale,
        submit_key=submit_key,
        seconds=bounded_seconds(seconds),
    )
    if settle_overlap(item):
        count_extras(item)
    return said


@transaction.atomic
def skip(assignment: Assignment, reason: str = "") -> Assignment:
    """Give the slot back; this person never sees the item again."""
    item, current = lock(assignment)
    if current.status in WITH_ANSWER:
        raise NotAllowed("You have answered this item. Undo the answer before you skip it.")
    if current.status == Assignment.Status.LEASED:
        free_slots(item, 1)
    current.slot = None
    current.status = Assignment.Status.SKIPPED
    current.skip_reason = current.skip_reason or reason[:200]
    current.draft = None
    current.save(update_fields=["slot", "status", "skip_reason", "draft"])
    count_extras(item)
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
    reviewer has commented on. Raises NotAllowed where it was given before EDIT_WINDOW.
    """
    newest = (
        Annotation.objects.filter(
            assignment__annotator=annotator,
            assignment__item__project=project,
            assignment__status__in=WITH_ANSWER,
        )
        .exclude(assignment__item__gold__kind=Gold.Kind.TRAINING)
        .filter(~Exists(AnswerComment.objects.filter(assignment=OuterRef("assignment"))))
        .select_related("assignment__item__project")
        .order_by("-id")
        .first()
    )
    if newest is None:
        return None
    item, current = lock(newest.assignment)
    if current.status in WITH_ANSWER and current.answer_comments.exists():
        raise NotAllowed("A reviewer has commented on this answer, so it stays. Reply instead.")
    if current.status not in WITH_ANSWER:
        return current  # a second click: the first one has taken it back
    if not is_in_edit_window(newest):
        raise NotAllowed("You gave your last answer more than 24 hours ago, so it stays as it is.")
    if current.status == Assignment.Status.ANSWERED:
        count_answers(item, current.annotator_id, -1, given=newest.created)
        current.status = Assignment.Status.LEASED
        start_lease(item, current)
    elif has_free_slot(item):
        take_slot(item, current)
    else:
        current.status = Assignment.Status.EXPIRED
    current.save(update_fields=["slot", "status", "lease_until"])
    current.refresh_from_db(fields=["lease_until"])
    add_revision(
        current,
        revision=1 + max(current.annotations.values_list("revision", flat=True)),
        kind=Annotation.Kind.WITHDRAWAL,
        submit_key=f"undo-{secrets.token_hex(16)}",
    )
    settle_overlap(item)
    return current


def checked_answer(item: Item, responses: int, answer: Answer) -> Answer:
    """The answer as it is stored; AnswerInvalid when it is none to this item."""
    kind = TASK_TYPES[item.task_type]
    answer = kind.check(answer, responses, item.project.task_config | item.task_config)
    if isinstance(kind, KeepsDiff):
        texts = item.item_responses.order_by("position").values_list("response__text", flat=True)
        answer = kind.with_diff(answer, list(texts))
    return answer


def is_in_edit_window(said: Annotation) -> bool:
    """Whether this newest revision of an answer can still be changed."""
    return said.created > timezone.now() - EDIT_WINDOW


def _is_training(item: Item) -> bool:
    if item.status != Item.Status.GOLD:
        return False
    return Gold.objects.filter(item=item, kind=Gold.Kind.TRAINING).exists()
