"""The data browser: what its page shows of the items that fit (`queries_browse_filters`).

Words and disputes cannot be asked of the database: items are read in its order, READ_AT_ONCE at a
time and SCANNED at most for one page.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db.models import Count, Q, QuerySet

from annotation.models import Item, ItemQuerySet, ItemResponse, Project
from annotation.queries_adjudication import disagreement_of
from annotation.queries_browse_filters import BrowseFilters, matching
from annotation.queries_review import current_answers
from annotation.task_types import TASK_TYPES, Answer

A_PAGE = 25
COUNTED = 10_000  # an exact count up to here
READ_AT_ONCE = 1_000
SCANNED = 20_000
ORDERS = {"newest": ("-id",), "oldest": ("id",), "answers": ("-answer_count", "-id")}
OPENING = 160  # characters of a response in the list


def fitting(project: Project, filters: BrowseFilters) -> Iterator[list[int]]:
    """All that fit, by key, READ_AT_ONCE looked at each time: perhaps none of them fits."""
    wanted = matching(project, filters)
    words = filters.q.casefold().split()
    last = 0
    while True:
        window = list(
            wanted.filter(pk__gt=last).order_by("id").values_list("pk", flat=True)[:READ_AT_ONCE]
        )
        if not window:
            return
        last = window[-1]
        yield _kept(window, words, filters.disputed)


def _kept(window: list[int], words: list[str], disputed: bool) -> list[int]:
    """Those of the items, in their order, that hold the words and, if wanted, are disputed."""
    if words:
        texts: defaultdict[int, list[str]] = defaultdict(list)
        for pk, messages in Item.objects.filter(pk__in=window).values_list(
            "pk", "prompt__messages"
        ):
            texts[pk] += [str(each.get("content", "")) for each in messages]
        places = ItemResponse.objects.filter(item__in=window).order_by()
        for pk, text in places.values_list("item_id", "response__text"):
            texts[pk].append(text)
        whole = {pk: "\n".join(said).casefold() for pk, said in texts.items()}
        window = [pk for pk in window if all(word in whole[pk] for word in words)]
    if disputed:
        differ = disagreements_of(window)
        window = [pk for pk in window if differ.get(pk)]
    return window


def disagreements_of(items: list[int]) -> dict[int, float]:
    """{item: the chance that two of its answers differ}, of those with two answers or more."""
    said: defaultdict[int, list[Answer]] = defaultdict(list)
    for pk, answer in current_answers(items).values_list("assignment__item_id", "answer"):
        said[pk].append(answer or {})
    several = [pk for pk, answers in said.items() if len(answers) > 1]
    rows = Item.objects.filter(pk__in=several).annotate(asked=Count("item_responses"))
    return {
        pk: disagreement_of(task_type, said[pk], asked)
        for pk, task_type, asked in rows.values_list("pk", "task_type", "asked")
    }


def count_of(project: Project, filters: BrowseFilters) -> int:
    """How many fit, exact up to COUNTED; COUNTED + 1 where there are more. Reads them all where
    the filters ask for words or disputes."""
    if not filters.is_scan:
        return matching(project, filters).order_by()[: COUNTED + 1].count()
    found = 0
    for kept in fitting(project, filters):
        found += len(kept)
        if found > COUNTED:
            return COUNTED + 1
    return found


# --- the page -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BrowseLine:
    """An item in the list. `disagreement` is None where fewer than two answers can differ."""

    item: Item
    task: str
    responses: list[tuple[str, str]]
    """(source, opening) of each, in canonical order."""
    flags: int
    disagreement: float | None


@dataclass(frozen=True)
class BrowsePage:
    filters: BrowseFilters
    lines: list[BrowseLine]
    count: int | None
    """How many fit; None where that would mean to read them all."""
    is_more: bool
    """There are more than `count`."""
    following: str
    """The query of the next page, "" where there is none."""
    is_bounded: bool
    """The page ended because SCANNED items were looked at, not because it is full."""

    @property
    def first(self) -> str:
        """The query of the first page."""
        return replace(self.filters, start="").query


def browse_page(project: Project, filters: BrowseFilters) -> BrowsePage:
    """One page of the items that fit, by keyset: it costs the same wherever it stands."""
    found: list[tuple[int, int]] = []
    last, looked = filters.start, 0
    words, is_end = filters.q.casefold().split(), False
    size = READ_AT_ONCE if filters.is_scan else A_PAGE + 1
    while len(found) <= A_PAGE and looked < SCANNED and not is_end:
        window = list(_after(matching(project, filters), filters.order, last)[:size])
        is_end = len(window) < size
        looked += len(window)
        kept = set(_kept([pk for pk, _ in window], words, filters.disputed))
        found += [(pk, count) for pk, count in window if pk in kept]
        last = "-".join(map(str, reversed(window[-1]))) if window else last
    shown = found[:A_PAGE]
    if len(found) > A_PAGE:
        last = "-".join(map(str, reversed(shown[-1])))
    goes_on = len(found) > A_PAGE or not is_end
    count = None if filters.is_scan else count_of(project, filters)
    return BrowsePage(
        filters=filters,
        lines=_lines(project, [pk for pk, _ in shown]),
        count=None if count is None else min(count, COUNTED),
        is_more=count is not None and count > COUNTED,
        following=replace(filters, start=last).query if goes_on else "",
        is_bounded=goes_on and len(found) <= A_PAGE,
    )


def _after(items: ItemQuerySet, order: str, start: str) -> QuerySet[Item, tuple[int, int]]:
    """(key, answers) of those that follow `start`, "ANSWERS-KEY" of the last one seen."""
    if start:
        answers, pk = map(int, start.split("-"))
        follows = {
            "newest": Q(pk__lt=pk),
            "oldest": Q(pk__gt=pk),
            "answers": Q(answer_count__lt=answers) | Q(answer_count=answers, pk__lt=pk),
        }
        items = items.filter(follows[order])
    return items.order_by(*ORDERS[order]).values_list("pk", "answer_count")


def _lines(project: Project, ids: list[int]) -> list[BrowseLine]:
    items = (
        Item.objects.filter(project=project)
        .select_related("prompt", "named_batch")
        .annotate(flag_count=Count("flags", filter=Q(flags__resolved=None)))
        .in_bulk(ids)
    )
    responses: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    places = ItemResponse.objects.filter(item__in=ids).order_by("position")
    for pk, label, text in places.values_list(
        "item_id", "response__source__label", "response__text"
    ):
        responses[pk].append((label, text[:OPENING] + ("…" if len(text) > OPENING else "")))
    differ = disagreements_of(ids)
    return [
        BrowseLine(
            item=items[pk],
            task=TASK_TYPES[items[pk].task_type].LABEL,
            responses=responses[pk],
            flags=items[pk].flag_count,  # type: ignore[attr-defined]
            disagreement=differ.get(pk),
        )
        for pk in ids
    ]
