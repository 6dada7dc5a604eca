"""An annotator's own page: what they did, how fast, how often others agree.

Whatever compares answers is counted up to the last Monday only. A figure that moved with each
answer would tell which item was gold, or who else has answered it.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum
from django.utils import timezone

from annotation.aggregation.consistency import Consistency
from annotation.aggregation.gold import GoldAgreement
from annotation.aggregation.win_rate import WinRate, win_rate
from annotation.models import (
    Annotation,
    AnswerComment,
    Assignment,
    Comment,
    Gold,
    Guideline,
    Project,
)
from annotation.queries_people import Verdicts, comments_about, in_words, verdicts
from annotation.queries_retests import own_consistency
from annotation.services.answers import is_in_edit_window
from annotation.services.gold import outcomes
from annotation.services.limits import Standing, standing
from annotation.task_types import TASK_TYPES

SHOWN = 50  # of the history, and of each list
COMPARED = 5_000  # newest answers that are compared with others'


@dataclass(frozen=True)
class Work:
    """Answers and focused seconds on them; `pace` is answers an hour of focused time."""

    done: int
    seconds: float

    @property
    def hours(self) -> float:
        return self.seconds / 3600

    @property
    def minutes(self) -> int:
        return round(self.seconds / 60)

    @property
    def pace(self) -> float | None:
        return self.done / self.hours if self.seconds >= 60 else None


@dataclass(frozen=True)
class PastTurn:
    """An item that the person was given, in words; `answer` is empty where there is none."""

    prompt: str
    answer: str
    rationale: str
    when: datetime
    note: str = ""
    key: UUID | None = None
    """Of an answer that can still be changed."""


@dataclass(frozen=True)
class Explained:
    prompt: str
    verdicts: Verdicts


@dataclass(frozen=True)
class MyPage:
    total: Work
    this_week: Work
    last_week: Work
    since: datetime
    with_researchers: GoldAgreement
    with_peers: WinRate
    history: list[PastTurn]
    skipped: list[PastTurn]
    drafts: list[PastTurn]
    explained: list[Explained]
    guidelines: list[Guideline]
    comments: list[Comment]
    standing: Standing | None
    consistency: Consistency


def monday(now: datetime | None = None) -> datetime:
    """When this week began."""
    local = timezone.localtime(now)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def my_page(project: Project, annotator: User) -> MyPage:
    week = monday()
    turns = Assignment.objects.filter(item__project=project, annotator=annotator)
    hidden = outcomes(project, annotator, Gold.Kind.HIDDEN, until=week)
    return MyPage(
        total=work_of(project, annotator),
        this_week=work_of(project, annotator, week),
        last_week=work_of(project, annotator, week - timedelta(days=7), week),
        since=week,
        with_researchers=GoldAgreement(sum(hidden), len(hidden)),
        with_peers=agreement_with_peers(project, annotator, week),
        history=_history(project, annotator),
        skipped=[
            PastTurn(str(turn.item.prompt), "", "", turn.claimed, turn.skip_reason)
            for turn in turns.filter(status=Assignment.Status.SKIPPED)
            .select_related("item__prompt")
            .order_by("-id")[:SHOWN]
        ],
        drafts=[
            PastTurn(str(turn.item.prompt), "", "", turn.claimed)
            for turn in turns.filter(status=Assignment.Status.LEASED, draft__isnull=False)
            .select_related("item__prompt")
            .order_by("-id")[:SHOWN]
        ],
        explained=_explained(project, annotator),
        guidelines=list(project.guidelines.filter(created__gte=week, version__gt=1)),
        comments=comments_about(project, annotator),
        standing=standing(project, annotator),
        consistency=own_consistency(project, annotator, until=week),
    )


def _answers_at(project: Project, annotator: User, moment: datetime) -> QuerySet[Annotation]:
    """The person's answers that stood at that moment, gold among them, whatever came later."""
    return Annotation.objects.newest(moment).filter(
        kind=Annotation.Kind.ANSWER,
        assignment__annotator=annotator,
        assignment__item__project=project,
    )


def _answers(project: Project, annotator: User) -> QuerySet[Annotation]:
    """The person's answers that stand, gold among them; `is_discussed` where a reviewer has
    commented on one."""
    comments = AnswerComment.objects.filter(assignment=OuterRef("assignment"))
    said = Annotation.objects.current().annotate(is_discussed=Exists(comments))
    return said.filter(assignment__annotator=annotator, assignment__item__project=project)


def work_of(
    project: Project,
    annotator: User,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Work:
    """What the person did from `since` and before `until`, gold and all."""
    said = _answers(project, annotator)
    if since is not None:
        said = said.filter(created__gte=since)
    if until is not None:
        said = said.filter(created__lt=until)
    row = said.aggregate(done=Count("id"), seconds=Sum("assignment__active_seconds"))
    return Work(row["done"], row["seconds"] or 0.0)


def agreement_with_peers(project: Project, annotator: User, until: datetime) -> WinRate:
    """The share of other people's answers to the same items with the same agreement label.

    One cluster an item, so the interval knows that answers to one item go together.
    """
    mine = (
        _answers_at(project, annotator, until)
        .filter(assignment__item__gold=None)
        .select_related("assignment__item")
        .order_by("-id")[:COMPARED]
    )
    own = {annotation.assignment.item_id: annotation for annotation in mine}
    others = (
        Annotation.objects.current()
        .filter(assignment__item__in=list(own), created__lt=until)
        .exclude(assignment__annotator=annotator)
        .values_list("assignment__item_id", "answer")
    )
    same: defaultdict[int, list[float]] = defaultdict(list)
    for item_id, answer in others:
        annotation = own[item_id]
        label = TASK_TYPES[annotation.assignment.item.task_type].agreement_label
        same[item_id].append(float(label(answer or {}) == label(annotation.answer or {})))
    return win_rate(same)


def _history(project: Project, annotator: User) -> list[PastTurn]:
    said = _answers(project, annotator).select_related(
        "assignment__item__prompt", "assignment__item__project", "assignment__item__gold"
    )
    return [
        PastTurn(
            prompt=str(each.assignment.item.prompt),
            answer=in_words(each.assignment.item, each.answer or {}, each.assignment.display_order),
            rationale=each.rationale,
            when=each.created,
            key=each.assignment.key if _can_change(each) else None,
        )
        for each in said.order_by("-id")[:SHOWN]
    ]


def _can_change(annotation: Annotation) -> bool:
    gold = getattr(annotation.assignment.item, "gold", None)
    is_training = gold is not None and gold.kind == Gold.Kind.TRAINING
    if is_training or annotation.is_discussed:  # type: ignore[attr-defined]  # by the query
        return False
    return is_in_edit_window(annotation)


def find_past_turn(project: Project, annotator: User, key: str) -> Assignment | None:
    """The person's answered assignment of this key, while its answer can still be changed."""
    if not key:
        return None
    try:
        said = _answers(project, annotator).filter(assignment__key=UUID(key))
    except ValueError:
        return None
    found = said.select_related(
        "assignment__item__project", "assignment__item__prompt", "assignment__item__gold"
    ).first()
    return found.assignment if found is not None and _can_change(found) else None


def _explained(project: Project, annotator: User) -> list[Explained]:
    """Training items whose researchers' answer the person has read."""
    turns = (
        Assignment.objects.filter(
            annotator=annotator, item__project=project, item__gold__kind=Gold.Kind.TRAINING
        )
        .exclude(reveal=None)
        .select_related("item__prompt", "item__project", "item__gold")
        .order_by("-id")[:SHOWN]
    )
    return [Explained(str(turn.item.prompt), verdicts(turn)) for turn in turns]
