"""What the agreement page shows: how far people agree, on what, where, and who with whom."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
from django.contrib.auth.models import User
from django.db.models import Case, F, IntegerField, Value, When
from django.http import Http404
from numpy.typing import NDArray

from annotation.aggregation.win_rate import WinRate
from annotation.agreement import STATISTICS, krippendorff, percent
from annotation.agreement.measure import Agreement, measure
from annotation.agreement.people import WithTheRest, person_sums, with_the_rest
from annotation.agreement.tables import CountTable
from annotation.agreement.units import (
    Ints,
    Judgements,
    between_two,
    count_table,
    count_tables,
)
from annotation.answer_table import AnswerTable, answer_table
from annotation.arrays import int_columns
from annotation.csv_text import Row, written
from annotation.distinct import distinct
from annotation.measures import Measure
from annotation.models import Item, ItemResponse, Membership, Project
from annotation.permissions import roles_for
from annotation.queries_coverage import NO_CATEGORY
from annotation.task_types import TASK_TYPES

RELIABLE, TENTATIVE = 0.8, 0.667
MAX_LINES = 30  # of a breakdown, those with the most answers
MAX_PEOPLE = 12  # in the table of pairs
WEEK = 7 * 86_400
MONDAY = 4 * 86_400  # the first one after 1970-01-01
PARTS = ("weeks", "categories", "sources", "guidelines")

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Figure:
    label: str
    found: Agreement
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One part of the answers: α and percent agreement among them."""

    name: str
    alpha: Agreement
    share: Agreement


@dataclass(frozen=True)
class Breakdown:
    slug: str
    title: str
    note: str
    lines: list[Line]


@dataclass(frozen=True)
class Person:
    name: str
    pk: int
    is_researcher: bool
    rest: WithTheRest
    with_researchers: WinRate | None


@dataclass(frozen=True)
class Pairs:
    """How often each two of the most active people say the same; None on the diagonal."""

    names: list[str]
    rows: list[tuple[str, list[WinRate | None]]]


@dataclass(frozen=True)
class AgreementPage:
    measures: list[Measure]
    chosen: Measure | None
    answers: int
    headline: Agreement | None
    ceiling: Agreement | None
    figures: list[Figure]
    breakdowns: list[Breakdown]  # also those of one part alone
    people: list[Person]
    pairs: Pairs | None

    @property
    def parts(self) -> list[Breakdown]:
        """The breakdowns that tell parts apart."""
        return [each for each in self.breakdowns if len(each.lines) > 1]

    @property
    def sentence(self) -> str:
        """What the headline means; the steps are Krippendorff's (2004, page 241)."""
        found = self.headline
        if found is None or found.value is None:
            return found.why if found else ""
        low = found.interval[0] if found.interval else found.value
        if low >= RELIABLE:
            return "People agree well enough to rely on what they say."
        if found.value >= RELIABLE:
            return "They seem to agree well, but there are too few answers to be sure of it."
        if found.value >= TENTATIVE:
            return "They agree well enough for tentative conclusions."
        if low > 0:
            return (
                "They agree more than by chance, but not reliably. Read the most disputed items,"
                " and say in the guideline what decides them."
            )
        return "Nothing shows yet that they agree more than by chance."


def agreement_page(project: Project, name: str = "") -> AgreementPage:
    """Everything about one measure, the project's first unless another one is named.

    Raises Http404 for a measure that nobody's answers hold.
    """
    table = answer_table(project)
    measures = measures_of(table)
    if name and name not in {each.name for each in measures}:
        raise Http404("No answer here says anything on such a measure.")
    chosen = next((each for each in measures if each.name == name), None)
    chosen = chosen or next(iter(measures), None)
    if chosen is None:
        return AgreementPage(measures, None, len(table), None, None, [], [], [], None)
    rows, said = judgements_of(table, chosen)
    researchers = _researchers(project)
    is_researcher = np.isin(said.person, list(researchers))
    return AgreementPage(
        measures=measures,
        chosen=chosen,
        answers=len(table),
        headline=_alpha(count_table(said), chosen),
        ceiling=_alpha(count_table(said.where(is_researcher)), chosen),
        figures=_figures(said, chosen),
        breakdowns=list(_breakdowns(project, table, rows, said, chosen)),
        people=_people(said, is_researcher, researchers),
        pairs=_pairs(said),
    )


def measures_of(table: AnswerTable) -> list[Measure]:
    """What the answers say something on, the most important first."""
    found: dict[str, Measure] = {}
    said: set[str] = set()
    for given in table.given:
        kind = TASK_TYPES[given.task_type]
        found |= {each.name: each for each in kind.measures(given.config)}
        said |= {each.measure for each in kind.judged(given.answer, given.responses)}
    return [each for name, each in found.items() if name in said]


def judgements_of(table: AnswerTable, chosen: Measure) -> tuple[Ints, Judgements]:
    """What the answers say on this measure, and of each judgement the row of its answer (J,).

    A unit is a pair, or a response, of one item.
    """
    places = {value: n for n, value in enumerate(chosen.scale)}
    abouts: dict[str, int] = {}
    about, value, lengths = [], [], []
    for given in table.given:
        said = TASK_TYPES[given.task_type].judged(given.answer, given.responses)
        kept = [each for each in said if each.measure == chosen.name and each.value in places]
        about += [abouts.setdefault(each.about, len(abouts)) for each in kept]
        value += [places[each.value] for each in kept]
        lengths.append(len(kept))
    rows, at = table.spread(lengths)
    return rows, Judgements(
        scale=chosen.scale,
        unit=table.item[rows] * max(len(abouts), 1) + np.array(about, dtype=np.int64)[at],
        person=table.annotator[rows],
        value=np.array(value, dtype=np.int64)[at],
    )


# --- figures --------------------------------------------------------------------------------------


def _alpha(counts: CountTable, chosen: Measure) -> Agreement:
    return measure(partial(krippendorff.compute, metric=chosen.metric), counts)


def _figures(said: Judgements, chosen: Measure) -> list[Figure]:
    table = count_table(said)
    return [
        Figure(each.LABEL, measure(partial(each.compute, metric=chosen.metric), table), each.NOTE)
        for each in STATISTICS.values()
    ]


def _breakdowns(
    project: Project, table: AnswerTable, rows: Ints, said: Judgements, chosen: Measure
) -> Iterator[Breakdown]:
    item, created = table.item[rows], table.created[rows]
    weeks = (created - MONDAY) // WEEK
    week_names = {each: _monday(each) for each in distinct(weeks)[0].tolist()}
    categories, category_names = _categories(project, item)
    pairs, pair_names = _source_pairs(project, item)
    guidelines = dict(project.guidelines.values_list("pk", "version"))
    versions = {pk: f"Version {number}" for pk, number in guidelines.items()} | {0: "None"}
    parts: list[tuple[str, str, str, Ints, Mapping[int, str], bool]] = [
        (
            "weeks",
            "By week",
            "Of the answers given in the week that begins on",
            weeks,
            week_names,
            True,
        ),
        (
            "categories",
            "By category",
            "Of the prompt’s category",
            categories,
            category_names,
            False,
        ),
        ("sources", "By source pair", "Which two models meet", pairs, pair_names, False),
        (
            "guidelines",
            "By guideline",
            "Of the answers given under each version",
            table.guideline[rows],
            versions,
            True,
        ),
    ]
    for slug, title, note, keys, names, in_order in parts:
        yield Breakdown(slug, title, note, _lines(said, keys, names, chosen, in_order))


def _lines(
    said: Judgements, keys: Ints, names: Mapping[int, str], chosen: Measure, in_order: bool
) -> list[Line]:
    found, place = distinct(keys)
    most = np.argsort(-np.bincount(place), kind="stable")[:MAX_LINES]
    if len(most) < len(found):
        is_kept = np.isin(place, most)
        said, keys = said.where(is_kept), keys[is_kept]
    parts = count_tables(said, keys)
    return [
        Line(names.get(key, "–"), _alpha(parts[key], chosen), measure(percent.compute, parts[key]))
        for key in (parts if in_order else found[most].tolist())
    ]


def _monday(week: int) -> str:
    return (datetime(1970, 1, 5, tzinfo=UTC) + timedelta(weeks=week)).strftime("%d %b %Y")


def _categories(project: Project, item: Ints) -> tuple[Ints, dict[int, str]]:
    found = sorted(project.prompts.order_by().values_list("category", flat=True).distinct())
    names = {n: name or NO_CATEGORY for n, name in enumerate(found)}
    number = Case(
        *(When(prompt__category=name, then=Value(n)) for n, name in enumerate(found)),
        default=Value(-1),
        output_field=IntegerField(),
    )
    columns = int_columns(Item.objects.filter(project=project), item=F("pk"), category=number)
    return _looked_up(item, columns["item"], columns["category"]), names


def _source_pairs(project: Project, item: Ints) -> tuple[Ints, dict[int, str]]:
    """Of more than two sources, the first and the last; a pair is first · base + second."""
    labels = dict(project.sources.values_list("pk", "label"))
    base = max(labels, default=0) + 1
    columns = int_columns(
        ItemResponse.objects.filter(item__project=project),
        item=F("item"),
        source=F("response__source"),
    )
    order = np.lexsort((columns["source"], columns["item"]))
    items, first, count = np.unique(columns["item"][order], return_index=True, return_counts=True)
    sources = columns["source"][order]
    pair = sources[first] * base + sources[first + count - 1]
    keys = _looked_up(item, items, pair)
    names = {
        key: f"{labels.get(key // base, '–')} · {labels.get(key % base, '–')}"
        for key in distinct(keys)[0].tolist()
    }
    return keys, names


def _looked_up(wanted: Ints, keys: Ints, values: Ints) -> Ints:
    """The value of each wanted key; every one of them is there."""
    order = np.argsort(keys)
    return np.asarray(values[order][np.searchsorted(keys[order], wanted)])


# --- people ---------------------------------------------------------------------------------------


def _researchers(project: Project) -> set[int]:
    roles = roles_for("research")
    found = Membership.objects.filter(project=project, role__in=roles)
    return set(found.values_list("user", flat=True))


def _people(said: Judgements, is_researcher: Flags, researchers: set[int]) -> list[Person]:
    """Everybody who shares something with somebody, who agrees least first."""
    rest = with_the_rest(person_sums(said))
    measured = with_the_rest(person_sums(said, is_researcher))
    names = dict(User.objects.filter(pk__in=list(rest)).values_list("pk", "username"))
    people = [
        Person(
            name=names.get(pk, "–"),
            pk=pk,
            is_researcher=pk in researchers,
            rest=found,
            with_researchers=measured[pk].share if pk in measured else None,
        )
        for pk, found in rest.items()
    ]
    return sorted(people, key=lambda each: (each.rest.share.rate or 0.0, each.name))


def _pairs(said: Judgements) -> Pairs | None:
    people, counts = np.unique(said.person, return_counts=True)
    if len(people) < 2:
        return None
    most = sorted(people[np.argsort(-counts, kind="stable")][:MAX_PEOPLE].tolist())
    names = dict(User.objects.filter(pk__in=most).values_list("pk", "username"))
    found = between_two(said, most)
    labels = [names.get(pk, "–") for pk in most]
    rows = [
        (names.get(a, "–"), [found.get((min(a, b), max(a, b))) if a != b else None for b in most])
        for a in most
    ]
    return Pairs(labels, rows)


# --- as files -------------------------------------------------------------------------------------


def csv_of(project: Project, table: str, name: str = "") -> str:
    """A table of the page as CSV; Http404 where there is no such table."""
    page = agreement_page(project, name)
    tables = {"figures": _figure_rows, "people": _people_rows, "pairs": _pair_rows}
    if table in tables:
        return written(tables[table](page))
    if table not in PARTS:
        raise Http404("There is no such table.")
    return written(_breakdown_rows(page, table))


def _figure_rows(page: AgreementPage) -> Iterable[Row]:
    yield ["figure", "value", "low", "high", "answers", "items", "why_undefined"]
    for figure in page.figures:
        yield [figure.label, *_cells(figure.found), figure.found.why]


def _breakdown_rows(page: AgreementPage, slug: str) -> Iterable[Row]:
    yield [slug, "alpha", "low", "high", "answers", "items", "percent_agreement"]
    for line in [each for part in page.breakdowns if part.slug == slug for each in part.lines]:
        yield [line.name, *_cells(line.alpha), line.share.value]


def _people_rows(page: AgreementPage) -> Iterable[Row]:
    yield [
        *("person", "with_the_rest", "low", "high", "kappa", "comparisons", "items"),
        *("with_researchers", "researcher_comparisons"),
    ]
    for each in page.people:
        share, measured = each.rest.share, each.with_researchers
        yield [
            *(each.name, share.rate, *(share.interval or (None, None)), each.rest.kappa),
            *(share.n, share.clusters),
            *((measured.rate, measured.n) if measured else (None, 0)),
        ]


def _pair_rows(page: AgreementPage) -> Iterable[Row]:
    yield ["person", "other", "same", "comparisons"]
    for name, cells in page.pairs.rows if page.pairs else []:
        for other, found in zip(page.pairs.names if page.pairs else [], cells, strict=True):
            if found is not None:
                yield [name, other, found.rate, found.n]


def _cells(found: Agreement) -> Row:
    return [found.value, *(found.interval or (None, None)), found.n, found.items]
