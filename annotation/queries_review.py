"""Which items wait for a reviewer: disputed, flagged, replied to; and which were decided."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, OuterRef, QuerySet

from annotation.models import (
    Annotation,
    AnswerComment,
    Flag,
    Item,
    Project,
    Verdict,
)
from annotation.queries_adjudication import disagreement_of, order_for, verdict_in_words
from annotation.queries_people import in_words
from annotation.task_types import TASK_TYPES, Answer

COMPARED = (
    5_000  # items whose answers are compared for one page; `before` reaches those that follow
)
A_PAGE = 25
MAX_CATEGORIES = 200
STATES = {
    "open": "Disputed",
    "flagged": "Flagged",
    "replied": "Replies",
    "adjudicated": "Adjudicated",
}


@dataclass(frozen=True)
class Filters:
    """Which items: `before` is the id of the last item compared so far, 0 for the newest."""

    state: str = "open"
    task_type: str = ""
    category: str = ""
    before: int = 0

    @property
    def query(self) -> str:
        """As an address carries it."""
        fields = {
            "state": self.state if self.state != "open" else "",
            "task_type": self.task_type,
            "category": self.category,
            "before": self.before or "",
        }
        return urlencode({name: value for name, value in fields.items() if value})


@dataclass(frozen=True)
class Ranked:
    """An item's id, how much its answers disagree, and how many there are."""

    item: int
    disagreement: float
    answers: int


@dataclass(frozen=True)
class Ranking:
    """The items of one window, the most disputed first; `earlier` is where the next one begins."""

    lines: list[Ranked]
    earlier: int


def ranking(project: Project, filters: Filters) -> Ranking:
    """The items that fit, in three queries: the newest COMPARED of them, ranked.

    Of disputed items only those whose answers disagree; the other states show all that fit.
    """
    items = _items(project, filters).order_by("-id")
    if filters.before:
        items = items.filter(pk__lt=filters.before)
    found = list(
        items.annotate(responses_asked=Count("item_responses")).values_list(
            "pk", "task_type", "responses_asked"
        )[: COMPARED + 1]
    )
    window = found[:COMPARED]
    answers: defaultdict[int, list[Answer]] = defaultdict(list)
    rows = current_answers([pk for pk, _, _ in window])
    for pk, answer in rows.values_list("assignment__item_id", "answer"):
        answers[pk].append(answer or {})
    lines = [
        Ranked(pk, disagreement_of(task_type, answers[pk], count), len(answers[pk]))
        for pk, task_type, count in window
    ]
    if filters.state == "open":
        lines = [line for line in lines if line.disagreement > 0]
    lines.sort(key=lambda line: (-line.disagreement, -line.answers, line.item))
    return Ranking(lines, window[-1][0] if len(found) > COMPARED else 0)


def _items(project: Project, filters: Filters) -> QuerySet[Item]:
    items = project.items.filter(gold=None)
    given = Verdict.objects.filter(item=OuterRef("pk"))
    flags = Flag.objects.filter(item=OuterRef("pk"), resolved=None)
    if filters.state == "open":
        items = items.filter(~Exists(given), status=Item.Status.COMPLETE, answer_count__gte=2)
    elif filters.state == "flagged":
        items = items.filter(Exists(flags)).exclude(status=Item.Status.RETIRED)
    elif filters.state == "replied":
        items = items.filter(Exists(_unread_replies()))
    else:
        items = items.filter(Exists(given))
    if filters.task_type:
        items = items.filter(task_type=filters.task_type)
    if filters.category:
        items = items.filter(prompt__category=filters.category)
    return items


def _unread_replies() -> QuerySet[AnswerComment]:
    return AnswerComment.objects.filter(
        assignment__item=OuterRef("pk"), by_annotator=True, read=None
    )


def current_answers(items: Collection[int]) -> QuerySet[Annotation]:
    """The answers to these items that count, oldest first."""
    return Annotation.objects.current().filter(assignment__item__in=items).order_by("id")


def next_item(project: Project, filters: Filters, item: Item) -> int | None:
    """The item that follows this one in the list, or the first one if this is not in it."""
    ids = [line.item for line in ranking(project, filters).lines]
    if item.pk not in ids:
        return ids[0] if ids else None
    following = ids[ids.index(item.pk) + 1 :]
    return following[0] if following else None


# --- the list -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReviewLine:
    item: int
    prompt: str
    task: str
    category: str
    answers: int
    disagreement: float
    said: list[tuple[str, int]]
    """Answers in words, in the reviewer's order of responses, each with how many gave it."""
    flags: list[str]
    verdict: str
    is_retired: bool


@dataclass(frozen=True)
class ReviewPage:
    task_types = [(slug, kind.LABEL) for slug, kind in TASK_TYPES.items()]
    filters: Filters
    tabs: list[tuple[str, str, int, str]]
    """(state, its name, how many, its address's query)"""
    page: Page[Ranked]
    lines: list[ReviewLine]
    earlier: str
    """The query of the window that follows, if there is one."""
    categories: list[str]


def review_page(
    project: Project, reviewer: User, filters: Filters, number: str | None
) -> ReviewPage:
    """One page of the list; counts of the states are under the same filters."""
    ranked = ranking(project, filters)
    page = Paginator(ranked.lines, A_PAGE).get_page(number)
    tabs = []
    for state, name in STATES.items():
        same = replace(filters, state=state, before=0)
        if state == filters.state:
            count = len(ranked.lines)
        elif state == "open":
            count = len(ranking(project, same).lines)
        else:
            count = _items(project, same).count()
        tabs.append((state, name, count, same.query))
    return ReviewPage(
        filters=filters,
        tabs=tabs,
        page=page,
        lines=review_lines(project, reviewer, list(page)),
        earlier=replace(filters, before=ranked.earlier).query if ranked.earlier else "",
        categories=list(
            project.prompts.exclude(category="")
            .order_by("category")
            .values_list("category", flat=True)
            .distinct()[:MAX_CATEGORIES]
        ),
    )


def review_lines(project: Project, reviewer: User, ranked: Sequence[Ranked]) -> list[ReviewLine]:
    """What the list shows of these items, in a few queries for all of them."""
    ids = [line.item for line in ranked]
    items = (
        project.items.filter(pk__in=ids)
        .select_related("prompt")
        .annotate(responses_asked=Count("item_responses"))
        .in_bulk()
    )
    answers: defaultdict[int, list[Answer]] = defaultdict(list)
    for pk, answer in current_answers(ids).values_list("assignment__item_id", "answer"):
        answers[pk].append(answer or {})
    flags: defaultdict[int, list[str]] = defaultdict(list)
    for pk, reason in Flag.objects.filter(item__in=ids, resolved=None).values_list(
        "item_id", "reason"
    ):
        flags[pk].append(reason)
    verdicts = {verdict.item_id: verdict for verdict in Verdict.objects.filter(item__in=ids)}
    lines = []
    for line in ranked:
        item = items[line.item]
        item.project = project
        order = order_for(item, reviewer, item.responses_asked)  # type: ignore[attr-defined]
        verdict = verdicts.get(item.pk)
        counted = Counter(in_words(item, answer, order) for answer in answers[item.pk])
        lines.append(
            ReviewLine(
                item=item.pk,
                prompt=str(item.prompt),
                task=TASK_TYPES[item.task_type].LABEL,
                category=item.prompt.category,
                answers=line.answers,
                disagreement=line.disagreement,
                said=counted.most_common(4),
                flags=flags[item.pk],
                verdict=verdict_in_words(item, verdict, order) if verdict else "",
                is_retired=item.status == Item.Status.RETIRED,
            )
        )
    return lines


@dataclass(frozen=True)
class Disagreements:
    """One page of the list, for a program; None where no page or no older items follow."""

    count: int
    next_page: int | None
    earlier: int | None
    results: list[ReviewLine]


def disagreements(project: Project, reviewer: User, filters: Filters, number: int) -> Disagreements:
    """A page of the list; one past the last is empty."""
    ranked = ranking(project, filters)
    begin, end = (number - 1) * A_PAGE, number * A_PAGE
    return Disagreements(
        count=len(ranked.lines),
        next_page=number + 1 if end < len(ranked.lines) else None,
        earlier=ranked.earlier or None,
        results=review_lines(project, reviewer, ranked.lines[begin:end]),
    )
