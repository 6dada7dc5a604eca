"""What reviewers do: decide about an item, and talk with annotators about their answers."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from annotation.models import AnswerComment, Assignment, Flag, Gold, Item, Project, Verdict
from annotation.services.answers import MAX_RATIONALE_CHARS, checked_answer
from annotation.services.errors import AnswerInvalid, NotAllowed, SubmitConflict
from annotation.services.gold import make_gold
from annotation.services.items import reopen_item, retire_item
from annotation.services.pauses import MAX_COMMENTS_A_DAY, clean_comment
from annotation.services.texts import is_unstorable
from annotation.task_types import Answer

FINISHED = (Assignment.Status.ANSWERED, Assignment.Status.EXTRA)


@transaction.atomic
def give_verdict(
    item: Item,
    *,
    kind: str,
    reason: str,
    reviewer: User,
    submit_key: str,
    answer: Answer | None = None,
    known: int | None = None,
) -> Verdict:
    """Add a verdict, which holds from now on; open flags of the item are resolved with it.

    `answer` is in canonical order and belongs to the kind `answer` alone. `known` is the id of the
    newest verdict that the reviewer has seen, 0 for none; None does not ask. The same key sent
    again adds nothing.

    Raises AnswerInvalid, SubmitConflict (same key, other verdict), NotAllowed (gold, or another
    verdict came meanwhile).
    """
    if not 0 < len(submit_key) <= 64 or is_unstorable(submit_key):
        raise AnswerInvalid("submit_key", "A submit key has 1 to 64 characters.")
    if kind not in Verdict.Kind.values:
        raise AnswerInvalid("kind", f"A verdict is one of {', '.join(Verdict.Kind.values)}.")
    cleaned = _clean_reason(reason)
    locked = Item.objects.select_for_update(of=("self",)).select_related("project").get(pk=item.pk)
    if Gold.objects.filter(item=locked).exists():
        raise NotAllowed("This item is gold, or was: its answer stands already.")
    if kind == Verdict.Kind.ANSWER:
        answer = checked_answer(locked, locked.item_responses.count(), answer or {})
    elif answer is not None:
        raise AnswerInvalid("answer", "Only a verdict of the kind answer holds an answer.")
    sent = locked.verdicts.filter(submit_key=submit_key).first()
    if sent is not None:
        if (sent.kind, sent.answer, sent.reason) != (kind, answer, cleaned):
            raise SubmitConflict("This form was sent before with another verdict. Load it again.")
        return sent
    last = locked.verdicts.order_by("-id").first()
    if known is not None and known != (last.pk if last else 0):
        raise NotAllowed("Another verdict came meanwhile. Load the page again to see it.")
    _follow(locked, kind, last)
    Flag.objects.filter(item=locked, resolved=None).update(resolved=Now())
    return Verdict.objects.create(
        item=locked,
        kind=kind,
        answer=answer,
        reason=cleaned,
        reviewer=reviewer,
        guideline=locked.project.guidelines.order_by("-version").first(),
        submit_key=submit_key,
    )


def _follow(item: Item, kind: str, last: Verdict | None) -> None:
    """Retire what is to be retired, and take back what the last verdict retired."""
    if kind == Verdict.Kind.RETIRE:
        retire_item(item)
    elif last is not None and last.kind == Verdict.Kind.RETIRE:
        reopen_item(item)


@transaction.atomic
def make_gold_of_verdict(item: Item, *, kind: str, user: User) -> Gold:
    """Make the item gold, with the verdict that holds as its answer and reason."""
    Item.objects.select_for_update().get(pk=item.pk)
    verdict = item.verdicts.order_by("-id").first()
    if verdict is None or verdict.kind != Verdict.Kind.ANSWER:
        raise NotAllowed("Only an item whose verdict is an answer can become gold.")
    answer = {name: value for name, value in (verdict.answer or {}).items() if name != "diff"}
    return make_gold(item, kind=kind, answer=answer, reason=verdict.reason, user=user)


# --- talking about an answer --------------------------------------------------------------------


@transaction.atomic
def comment_on_answer(assignment: Assignment, author: User, text: str) -> AnswerComment:
    """Say something about this answer, as its annotator or to them.

    From a reviewer's first comment on the answer stays as it is (`submit_answer`, `undo_last`):
    what was talked about must not change. The annotator replies where a reviewer has begun.
    """
    cleaned = clean_comment(text)
    # The same row that answering locks first: no edit slips in beside the first comment.
    Item.objects.select_for_update().get(pk=assignment.item_id)
    current = Assignment.objects.get(pk=assignment.pk)
    if current.status not in FINISHED:
        raise NotAllowed("There is no answer to talk about: it was taken back.")
    by_annotator = current.annotator_id == author.pk
    if by_annotator:
        if not current.answer_comments.exists():
            raise NotAllowed("Nobody has commented on this answer yet.")
        today = timezone.now() - timedelta(days=1)
        said = AnswerComment.objects.filter(author=author, by_annotator=True, created__gt=today)
        if said.count() >= MAX_COMMENTS_A_DAY:
            raise NotAllowed("You have written very often today. Wait for an answer.")
    return AnswerComment.objects.create(
        assignment=current, author=author, by_annotator=by_annotator, text=cleaned
    )


def unread_comments(project: Project, annotator: User) -> QuerySet[AnswerComment]:
    """What reviewers said about this person's answers, and they have not seen."""
    return AnswerComment.objects.filter(
        read=None,
        by_annotator=False,
        assignment__annotator=annotator,
        assignment__item__project=project,
    )


def mark_comments_read(project: Project, annotator: User) -> None:
    """The person has the comments on the screen now."""
    unread_comments(project, annotator).update(read=Now())


def mark_replies_read(item: Item) -> None:
    """A reviewer has what the annotators replied on the screen now."""
    AnswerComment.objects.filter(assignment__item=item, by_annotator=True, read=None).update(
        read=Now()
    )


def _clean_reason(reason: str) -> str:
    cleaned = reason.strip()
    if not cleaned:
        raise AnswerInvalid("rationale", "Say in a few words why.")
    if len(cleaned) > MAX_RATIONALE_CHARS or is_unstorable(cleaned):
        raise AnswerInvalid(
            "rationale", f"A reason is a text of at most {MAX_RATIONALE_CHARS:,} characters."
        )
    return cleaned
