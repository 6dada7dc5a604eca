"""What the agreement page shows: how far people agree, on what, where, and who with whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from django.contrib.auth.models import User
from django.http import Http404

from annotation.aggregation.win_rate import WinRate
from annotation.agreement import STATISTICS, krippendorff, percent
from annotation.agreement.measure import Agreement, Statistic, difference, measure
from annotation.agreement.people import WithTheRest, with_the_rest
from annotation.agreement.tables import CountTable
from annotation.agreement.units import between_two
from annotation.agreement_parts import PARTS, Part
from annotation.agreement_state import State, judgements_of, measures_of, state_of, whole_of
from annotation.csv_text import Row, written
from annotation.kept_answers import kept_answers
from annotation.measures import Measure
from annotation.models import Project
from annotation.queries_browse_filters import BrowseFilters

RELIABLE, TENTATIVE = 0.8, 0.667
MAX_LINES = 30  # of a breakdown, those with the most answers
MAX_PEOPLE = 12  # in the table of pairs


@dataclass(frozen=True)
class Figure:
    label: str
    found: Agreement
    note: str = ""


@dataclass(frozen=True)
class Line:
    """One part of the answers: α and percent agreement among them, and the data browser's query
    for the items behind them. `change` is α less that of the line before, where lines follow each
    other as the versions of a guideline do."""

    name: str
    alpha: Agreement
    share: Agreement
    query: str
    change: Agreement | None = None


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

    @property
    def query(self) -> str:
        """The data browser's, for what they answered beside others."""
        return BrowseFilters(by=(self.pk,), answers=2, counted=True).query


@dataclass(frozen=True)
class Cell:
    """Two people: how often they say the same, of how many, and the query for the items of both."""

    rate: float | None
    n: int
    query: str


@dataclass(frozen=True)
class Pairs:
    """How often each two of the most active people say the same; None on the diagonal."""

    names: list[str]
    rows: list[tuple[str, list[Cell | None]]]


@dataclass(frozen=True)
class AgreementPage:
    measures: list[tuple[Measure, Agreement]]  # each with its α
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
    kept = kept_answers(project)
    measures = measures_of(kept.table)
    if name and name not in {each.name for each in measures}:
        raise Http404("No answer here says anything on such a measure.")
    chosen = next((each for each in measures if each.name == name), None)
    chosen = chosen or next(iter(measures), None)
    if chosen is None:
        return AgreementPage([], None, len(kept.table), None, None, [], [], [], None)
    state = state_of(project, kept, chosen)
    return AgreementPage(
        measures=[(each, _alpha(whole_of(kept, each), each)) for each in measures],
        chosen=chosen,
        answers=len(kept.table),
        headline=_alpha(state.sums.whole, chosen),
        ceiling=_alpha(state.sums.researchers, chosen),
        figures=[
            Figure(
                each.LABEL,
                measure(partial(each.compute, metric=chosen.metric), state.sums.whole),
                each.NOTE,
            )
            for each in STATISTICS.values()
        ],
        breakdowns=[
            Breakdown(part.slug, part.title, part.note, _lines(project, state, part, chosen))
            for part in PARTS
        ],
        people=_people(state),
        pairs=_pairs(state, chosen),
    )


def _alpha(counts: CountTable, chosen: Measure) -> Agreement:
    return measure(_statistic(chosen), counts)


def _statistic(chosen: Measure) -> Statistic:
    return partial(krippendorff.compute, metric=chosen.metric)


def _lines(project: Project, state: State, part: Part, chosen: Measure) -> list[Line]:
    sums, names = state.sums, state.names[part.slug]
    keys = sums.keys(part.slug)
    most = sorted(keys, key=lambda key: (-sums.sizes[part.slug, key], key))[:MAX_LINES]
    shown = {key: names.get(key, "–") for key in (sorted(most) if part.is_ordered else most)}
    found = part.found(project, shown)
    lines: list[Line] = []
    before: CountTable | None = None
    for key, name in shown.items():
        table = sums.parts[part.slug, key]
        known = state.figures.get((part.slug, key))
        if known is None or known[0] is not table:
            known = (table, _alpha(table, chosen), measure(percent.compute, table))
            state.figures[part.slug, key] = known
        change = None
        if part.slug == "guidelines" and before is not None:
            change = difference(_statistic(chosen), before, table)
        query = replace(found.get(key, BrowseFilters()), counted=True).query
        lines.append(Line(name, known[1], known[2], query, change))
        before = table
    return lines


# --- people ---------------------------------------------------------------------------------------


def _people(state: State) -> list[Person]:
    """Everybody who shares something with somebody, who agrees least first."""
    rest = with_the_rest(state.sums.people)
    measured = with_the_rest(state.sums.measured)
    names = dict(User.objects.filter(pk__in=list(rest)).values_list("pk", "username"))
    people = [
        Person(
            name=names.get(pk, "–"),
            pk=pk,
            is_researcher=pk in state.researchers,
            rest=found,
            with_researchers=measured[pk].share if pk in measured else None,
        )
        for pk, found in rest.items()
    ]
    return sorted(people, key=lambda each: (each.rest.share.rate or 0.0, each.name))


def _pairs(state: State, chosen: Measure) -> Pairs | None:
    given = state.sums.given
    if len(given) < 2:
        return None
    most = sorted(sorted(given, key=lambda pk: (-given[pk], pk))[:MAX_PEOPLE])
    table = state.table
    _, said = judgements_of(table.where(np.isin(table.annotator, most)), chosen)
    names = dict(User.objects.filter(pk__in=most).values_list("pk", "username"))
    found = between_two(said, most)
    labels = [names.get(pk, "–") for pk in most]
    rows = [(names.get(a, "–"), [_cell(found, a, b) for b in most]) for a in most]
    return Pairs(labels, rows)


def _cell(found: Mapping[tuple[int, int], WinRate], a: int, b: int) -> Cell | None:
    both = (min(a, b), max(a, b))
    if a == b or both not in found:
        return None
    return Cell(found[both].rate, found[both].n, BrowseFilters(by=both, counted=True).query)


# --- as files -------------------------------------------------------------------------------------


def csv_of(project: Project, table: str, name: str = "") -> str:
    """A table of the page as CSV; Http404 where there is no such table."""
    page = agreement_page(project, name)
    tables = {
        "figures": _figure_rows,
        "measures": _measure_rows,
        "people": _people_rows,
        "pairs": _pair_rows,
    }
    if table in tables:
        return written(tables[table](page))
    if table not in {part.slug for part in PARTS}:
        raise Http404("There is no such table.")
    return written(_breakdown_rows(page, table))


def _figure_rows(page: AgreementPage) -> Iterable[Row]:
    yield ["figure", "value", "low", "high", "answers", "items", "why_undefined"]
    for figure in page.figures:
        yield [figure.label, *_cells(figure.found), figure.found.why]


def _measure_rows(page: AgreementPage) -> Iterable[Row]:
    yield ["measure", "alpha", "low", "high", "answers", "items", "why_undefined"]
    for each, found in page.measures:
        yield [each.label, *_cells(found), found.why]


def _breakdown_rows(page: AgreementPage, slug: str) -> Iterable[Row]:
    yield [
        *(slug, "alpha", "low", "high", "answers", "items", "percent_agreement"),
        *("change", "change_low", "change_high"),
    ]
    for line in [each for part in page.breakdowns if part.slug == slug for each in part.lines]:
        change = _cells(line.change)[:3] if line.change else [None] * 3
        yield [line.name, *_cells(line.alpha), line.share.value, *change]


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
