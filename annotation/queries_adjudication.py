"""What a reviewer sees of one item: all that was said about it, and the form for the verdict.

Where a response came from is not here: reviewers judge as blindly as annotators. Annotators stand
under their pseudonyms, but for those who manage the project.
"""

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import Http404
from django.utils import timezone

from annotation.aggregation.disagreement import Said, disagreement, said
from annotation.models import (
    Annotation,
    AnswerComment,
    Assignment,
    Flag,
    Item,
    Membership,
    Project,
    Verdict,
)
from annotation.permissions import role_of
from annotation.pseudonyms import pseudonym
from annotation.queries import ItemCard, ShownGuideline, answer_config, guideline, item_card
from annotation.queries_people import in_words
from annotation.services.claims import shuffled
from annotation.task_types import TASK_TYPES, Answer
from annotation.task_types.contract import BaseAnswerForm

FINISHED = (Assignment.Status.ANSWERED, Assignment.Status.EXTRA)
PSEUDONYM_CHARS = 6


def disagreement_of(task_type: str, answers: Sequence[Answer], responses: int) -> float:
    """How much these answers disagree; texts that people write are never quite the same, so they
    cannot: 0."""
    return disagreement([s for a in answers if (s := _said(task_type, a, responses))])


def _said(task_type: str, answer: Answer, responses: int) -> Said | None:
    kind = TASK_TYPES[task_type]
    if kind.demonstrations(answer, responses):
        return None
    return said(
        kind.preferences(answer, responses),
        ((label.response, label.is_good) for label in kind.unpaired(answer, responses)),
        kind.agreement_label(answer),
    )


@dataclass(frozen=True)
class ShownComment:
    by: str
    text: str
    created: datetime
    is_team: bool


@dataclass(frozen=True)
class ShownAnswer:
    """One annotator's answer in words; `assignment` names it where something is said about it.

    `letters` says how to read what they wrote, where their responses stood in another order.
    """

    assignment: uuid.UUID
    by: str
    words: str
    rationale: str
    seconds: float | None
    guideline_version: int | None
    created: datetime
    is_extra: bool
    is_own: bool
    letters: str
    flags: list[tuple[str, str]]
    comments: list[ShownComment]

    @property
    def has_text(self) -> bool:
        """Whether they wrote anything that may name a response."""
        return bool(self.rationale or self.comments or any(note for _, note in self.flags))


@dataclass(frozen=True)
class ShownVerdict:
    kind: str
    words: str
    reason: str
    by: str
    created: datetime
    guideline_version: int | None


@dataclass(frozen=True)
class Adjudication:
    """Everything about one item but who wrote its responses. The newest verdict is the first."""

    item: Item
    card: ItemCard
    disagreement: float
    answers: list[ShownAnswer]
    flags: list[tuple[str, str, str]]
    """(who, reason, note) of those who did not answer."""
    verdicts: list[ShownVerdict]
    known: int
    guideline: ShownGuideline | None

    @property
    def can_be_gold(self) -> bool:
        """Whether the verdict that holds is an answer, and the item is not retired."""
        is_answer = bool(self.verdicts) and self.verdicts[0].kind == Verdict.Kind.ANSWER
        return is_answer and self.item.status != Item.Status.RETIRED


def find_reviewed(project: Project, pk: int) -> Item:
    """An item that can be reviewed, with project and prompt; gold cannot: its answer stands."""
    items = project.items.filter(gold=None).select_related("project", "prompt")
    item = items.filter(pk=pk).first()
    if item is None:
        raise Http404("No such item.")
    return item


def find_turn(item: Item, key: uuid.UUID) -> Assignment:
    """An annotator's turn at this item; else Http404."""
    turn = item.assignments.filter(key=key).first()
    if turn is None:
        raise Http404("No such answer.")
    return turn


def order_for(item: Item, reviewer: User, responses: int) -> list[int]:
    """The order in which this reviewer sees the responses: the same one each time, and not the
    canonical one, which may go along with the sources."""
    seed = f"{item.project.split_salt}:{item.pk}:{reviewer.pk}"
    return shuffled(responses, int(hashlib.sha256(seed.encode()).hexdigest()[:15], 16))


def adjudication(item: Item, reviewer: User) -> Adjudication:
    """The screen of one item for one reviewer."""
    project = item.project
    order = order_for(item, reviewer, item.item_responses.count())
    names = Names(project, reviewer)
    turns = list(
        Assignment.objects.filter(item=item).select_related("annotator", "guideline").order_by("id")
    )
    comments: defaultdict[int, list[AnswerComment]] = defaultdict(list)
    for comment in AnswerComment.objects.filter(assignment__in=turns).select_related("author"):
        comments[comment.assignment_id].append(comment)
    flags: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    flaggers: dict[int, User] = {}
    for flag in Flag.objects.filter(item=item, resolved=None).select_related("annotator"):
        flags[flag.annotator_id].append((flag.reason, flag.note))
        flaggers[flag.annotator_id] = flag.annotator
    newest: dict[int, Annotation] = {}
    for each in Annotation.objects.filter(assignment__in=turns).select_related("guideline"):
        newest[each.assignment_id] = each  # in order of revision
    answers, counted = [], []
    for turn in turns:
        revision = newest.get(turn.pk)
        if turn.status not in FINISHED or revision is None or revision.answer is None:
            continue
        if turn.status == Assignment.Status.ANSWERED:
            counted.append(revision.answer)
        answers.append(
            ShownAnswer(
                assignment=turn.key,
                by=names.of(turn.annotator),
                words=in_words(item, revision.answer, order),
                rationale=revision.rationale,
                seconds=revision.seconds,
                guideline_version=revision.guideline.version if revision.guideline else None,
                created=revision.created,
                is_extra=turn.status == Assignment.Status.EXTRA,
                is_own=turn.annotator_id == reviewer.pk,
                letters=letters_between(turn.display_order, order),
                flags=flags.pop(turn.annotator_id, []),
                comments=[
                    ShownComment(
                        by="You" if c.author_id == reviewer.pk else names.of(c.author),
                        text=c.text,
                        created=c.created,
                        is_team=not c.by_annotator,
                    )
                    for c in comments[turn.pk]
                ],
            )
        )
    verdicts = list(
        Verdict.objects.filter(item=item).select_related("reviewer", "guideline").order_by("-id")
    )
    return Adjudication(
        item=item,
        card=_card(item, order, verdicts[0] if verdicts else None),
        disagreement=disagreement_of(item.task_type, counted, len(order)),
        answers=answers,
        flags=[
            (names.of(flaggers[person]), reason, note)
            for person, raised in flags.items()
            for reason, note in raised
        ],
        verdicts=[
            ShownVerdict(
                kind=verdict.kind,
                words=verdict_in_words(item, verdict, order),
                reason=verdict.reason,
                by="You" if verdict.reviewer_id == reviewer.pk else names.of(verdict.reviewer),
                created=verdict.created,
                guideline_version=verdict.guideline.version if verdict.guideline else None,
            )
            for verdict in verdicts
        ],
        known=verdicts[0].pk if verdicts else 0,
        guideline=guideline(project),
    )


def letters_between(theirs: Sequence[int], ours: Sequence[int]) -> str:
    """What the letters of one display order are in another: "their A is B here"; "" where each is
    the same."""
    if list(theirs) == list(ours):
        return ""
    pairs = [(chr(ord("A") + n), chr(ord("A") + ours.index(one))) for n, one in enumerate(theirs)]
    first, *others = [(there, here) for there, here in pairs if there != here]
    rest = [f"{there} is {here}" for there, here in others]
    return ", ".join([f"their {first[0]} is {first[1]} here", *rest])


class Names:
    """What a reader may call somebody: a manager by name, others by the pseudonym's beginning."""

    def __init__(self, project: Project, reader: User) -> None:
        self.project = project
        self.by_name = role_of(reader, project) == Membership.Role.MANAGER

    def of(self, person: User) -> str:
        if self.by_name:
            return person.get_username()
        return pseudonym(self.project, person.pk)[:PSEUDONYM_CHARS]


def verdict_in_words(item: Item, verdict: Verdict, order: Sequence[int]) -> str:
    """What was decided, as the form says it in this display order."""
    if verdict.kind == Verdict.Kind.RETIRE:
        return "Item retired"
    if verdict.kind == Verdict.Kind.UNDECIDED:
        return "Left undecided"
    return in_words(item, verdict.answer or {}, order)


def verdict_form(
    item: Item, order: Sequence[int], data: Mapping[str, Any] | None = None
) -> BaseAnswerForm:
    """The item's own form, in the reviewer's order, with a reason that has to be given."""
    return TASK_TYPES[item.task_type].AnswerForm(
        data, config=_with_reason(item), responses=len(order)
    )


def _card(item: Item, order: list[int], verdict: Verdict | None) -> ItemCard:
    """The item as the reviewer answers it: all at once, filled in with the verdict that holds."""
    turn = Assignment(key=uuid.uuid4(), item=item, display_order=order, lease_until=timezone.now())
    config, initial = _with_reason(item), {}
    kind = TASK_TYPES[item.task_type]
    if verdict is not None and verdict.answer is not None:
        initial = kind.to_display(verdict.answer, order) | {"rationale": verdict.reason}
    form = kind.AnswerForm(config=config, responses=len(order), initial=initial)
    return replace(item_card(turn), config=config, initial=initial, form=form, warning="")


def _with_reason(item: Item) -> dict[str, Any]:
    return answer_config(item) | {"rationale": "required", "read_first": False}
