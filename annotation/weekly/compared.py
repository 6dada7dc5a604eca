"""Which of a person's answers are held against the researchers' in which week.

Feedback must not answer a question that is still asked. So an answer is compared only once

* its item is complete: every slot holds an answer, and the queue gives it to nobody;
* the person cannot change it any more, nor is to answer it once again (a retest);
* the item is no hidden gold. Training gold counts once its answer was shown to the person.

The week it belongs to is the one in which the last of these came about, or the verdict on it: then
each week holds what is new, a late verdict reaches the person, and no page of the past changes.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet

from annotation.models import Annotation, Assignment, Gold, Item, Membership, Project, Verdict
from annotation.permissions import roles_for
from annotation.queries_adjudication import order_for
from annotation.services.answers import EDIT_WINDOW
from annotation.task_types import TASK_TYPES, Answer
from annotation.weekly.week import Week

COMPARED = 5_000  # newest turns of the person that are looked at
ASKED = (Item.Status.OPEN, Item.Status.PAUSED)
NEEDED = (  # of each answer: there may be thousands in a week
    *("revision", "kind", "answer", "rationale", "created"),
    *("assignment__item", "assignment__annotator", "assignment__display_order"),
)
KINDS = ("verdict", "researcher", "training")


@dataclass(frozen=True)
class Reference:
    """What the researchers say of an item. `why` names responses by the letters of `order`."""

    kind: str  # one of KINDS
    answer: Answer
    why: str
    order: Sequence[int]


@dataclass(frozen=True)
class Compared:
    """An answer that stays, what the researchers say, and what all others said."""

    turn: Assignment
    said: Annotation
    references: list[Reference]
    others: list[Answer] = field(default_factory=list)

    def agrees_with(self, answer: Answer) -> bool:
        """Whether the other answer has the same agreement label."""
        label = TASK_TYPES[self.turn.item.task_type].agreement_label
        return label(answer) == label(self.said.answer or {})

    @property
    def is_training(self) -> bool:
        return any(each.kind == "training" for each in self.references)

    @property
    def differs(self) -> bool:
        return any(not self.agrees_with(each.answer) for each in self.references)


def compared(
    project: Project, annotator: User, week: Week, chosen: Sequence[int] | None = None
) -> list[Compared]:
    """What is new to compare in this week, as it stood at its end; what they trained on last.

    `chosen` are the items that were found when the week was over (WeekNote): with them nothing is
    chosen anew, and only what is asked again since is left out.
    """
    found = _settled(project, annotator, week, chosen)
    return found + _trained(project, annotator, week)


def _settled(
    project: Project, annotator: User, week: Week, chosen: Sequence[int] | None
) -> list[Compared]:
    turns = {turn.item_id: turn for turn in _candidates(project, annotator, week, chosen)}
    said = _said_by(turns, week)
    verdicts: dict[int, Verdict] = {}
    before = Verdict.objects.filter(item__in=list(turns), created__lt=week.end)
    for verdict in before.select_related("reviewer").order_by("id"):
        verdicts[verdict.item_id] = verdict
    members = Membership.objects.filter(project=project, role__in=roles_for("research"))
    researchers = set(members.values_list("user", flat=True)) - {annotator.pk}
    found = []
    for item_id, turn in turns.items():
        revisions = said[item_id]
        own = revisions.get(annotator.pk)
        decided = verdicts.get(item_id)
        if own is None or _is_text(turn, own):
            continue
        if chosen is None and not is_new(revisions, own, decided, week):
            continue
        turn.item.project = project
        rest = {person: each for person, each in revisions.items() if person != annotator.pk}
        found.append(
            Compared(
                turn=turn,
                said=own,
                references=_references(turn, decided, rest, researchers),
                others=[each.answer or {} for each in rest.values() if each is not None],
            )
        )
    return found


def _candidates(
    project: Project, annotator: User, week: Week, chosen: Sequence[int] | None
) -> QuerySet[Assignment]:
    """The person's answered turns that may belong to the week."""
    answered = Assignment.objects.filter(status=Assignment.Status.ANSWERED)
    turns = answered.filter(annotator=annotator, item__project=project)
    again = answered.filter(item=OuterRef("retest__item"))
    turns = turns.filter(Q(retest=None) | Exists(again)).select_related("item__prompt")
    if chosen is not None:
        return turns.filter(item__in=chosen).exclude(item__status__in=ASKED)
    spoke = Annotation.objects.filter(
        assignment__item=OuterRef("item"),
        created__gte=week.start - EDIT_WINDOW,
        created__lt=week.end,
    )
    decided = Verdict.objects.filter(
        item=OuterRef("item"), created__gte=week.start, created__lt=week.end
    )
    complete = turns.filter(item__status=Item.Status.COMPLETE, item__gold=None)
    return complete.filter(Q(Exists(spoke)) | Q(Exists(decided))).order_by("-id")[:COMPARED]


def _said_by(
    turns: dict[int, Assignment], week: Week
) -> defaultdict[int, dict[int, Annotation | None]]:
    """{item: {person: their answer at the end of the week, or None where they had none}}"""
    rows = Annotation.objects.filter(
        assignment__item__in=list(turns), assignment__status=Assignment.Status.ANSWERED
    )
    rows = rows.select_related("assignment").only(*NEEDED)
    said: defaultdict[int, dict[int, Annotation | None]] = defaultdict(dict)
    for row in rows.order_by("assignment", "revision"):
        people = said[row.assignment.item_id]
        people.setdefault(row.assignment.annotator_id, None)
        if row.created < week.end:
            is_answer = row.kind == Annotation.Kind.ANSWER
            people[row.assignment.annotator_id] = row if is_answer else None
    return said


def is_new(
    revisions: dict[int, Annotation | None], own: Annotation, verdict: Verdict | None, week: Week
) -> bool:
    """Whether the last thing that a comparison waits for came about in this week."""
    moments = [own.created + EDIT_WINDOW]
    for revision in revisions.values():
        if revision is None:
            return False  # complete only since
        moments.append(revision.created)
    if verdict is not None:
        moments.append(verdict.created)
    return week.start <= max(moments) < week.end


def _is_text(turn: Assignment, own: Annotation) -> bool:
    """Texts that people write are never quite the same: there is nothing to compare."""
    kind = TASK_TYPES[turn.item.task_type]
    return bool(kind.demonstrations(own.answer or {}, len(turn.display_order)))


def _references(
    turn: Assignment,
    verdict: Verdict | None,
    rest: dict[int, Annotation | None],
    researchers: set[int],
) -> list[Reference]:
    """The verdict where there is one: it outweighs single answers. None of an item left undecided,
    where people may well differ."""
    if verdict is not None:
        if verdict.answer is None:
            return []
        order = order_for(turn.item, verdict.reviewer, len(turn.display_order))
        return [Reference("verdict", verdict.answer, verdict.reason, order)]
    return [
        Reference("researcher", each.answer or {}, each.rationale, each.assignment.display_order)
        for person, each in rest.items()
        if person in researchers and each is not None
    ]


def _trained(project: Project, annotator: User, week: Week) -> list[Compared]:
    """Training items whose answer the person was shown in this week."""
    rows = Annotation.objects.newest(week.end).filter(
        kind=Annotation.Kind.ANSWER,
        assignment__annotator=annotator,
        assignment__item__project=project,
        assignment__item__gold__kind=Gold.Kind.TRAINING,
        assignment__reveal__created__gte=week.start,
        assignment__reveal__created__lt=week.end,
    )
    found = []
    for row in rows.select_related("assignment__item__gold", "assignment__item__prompt"):
        turn = row.assignment
        turn.item.project = project
        gold = turn.item.gold
        reference = Reference("training", gold.answer, gold.reason, turn.display_order)
        found.append(Compared(turn, row, [reference]))
    return found
