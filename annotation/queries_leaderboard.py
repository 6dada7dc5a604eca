"""What the leaderboard shows: the project's sources by what people prefer."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from django.db.models import F

from annotation.aggregation.leaderboard import Leaderboard, Standing, leaderboard
from annotation.aggregation.win_rate import WinRate
from annotation.answer_table import AnswerTable, answer_table
from annotation.arrays import Ints, int_columns
from annotation.csv_text import Row, written
from annotation.models import ItemResponse, Project
from annotation.task_types import TASK_TYPES

MAX_RESPONSES = 64  # of an item: one key holds item and place
MAX_MATRIX = 20  # sources in the table of pairs, the best of them


@dataclass(frozen=True)
class Line:
    name: str
    standing: Standing


@dataclass(frozen=True)
class LeaderboardPage:
    lines: list[Line]
    comparisons: int
    items: int
    has_prior: bool
    matrix: list[tuple[str, list[WinRate | None]]]

    @property
    def sentence(self) -> str:
        """Who leads, if anybody does."""
        leaders = [line.name for line in self.lines if line.standing.rank == 1]
        if len(leaders) == 1:
            return f"{leaders[0]} is preferred to every other one, more than chance explains."
        return f"The first {len(leaders)} cannot be told apart yet: their intervals overlap."


def leaderboard_page(project: Project) -> LeaderboardPage:
    item, first, second, won = _comparisons(project, answer_table(project))
    found = leaderboard(item, first, second, won)
    names = dict(project.sources.values_list("pk", "label"))
    lines = [Line(names.get(each.source, "–"), each) for each in found.standings]
    return LeaderboardPage(
        lines=lines,
        comparisons=len(item),
        items=len(np.unique(item)),
        has_prior=found.has_prior,
        matrix=_matrix(found, lines[:MAX_MATRIX]),
    )


def _comparisons(
    project: Project, table: AnswerTable
) -> tuple[Ints, Ints, Ints, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Each pair that an answer prefers or ties: its item, two sources, how far the first won.

    Pairs of one and the same source say nothing of it.
    """
    pairs = [
        [
            each.oriented()
            for each in TASK_TYPES[given.task_type].preferences(given.answer, given.responses)
        ]
        for given in table.given
    ]
    flat = [(a, b, p) for each in pairs for (a, b), p in each]
    a, b, p = np.array(flat, dtype=np.float64).reshape(len(flat), 3).T
    rows, at = table.spread([len(each) for each in pairs])
    item = table.item[rows]
    asked = np.concatenate([a[at], b[at]]).astype(np.int64) + np.tile(item, 2) * MAX_RESPONSES
    first, second = np.split(_sources(project, asked), 2)
    told = first != second
    return item[told], first[told], second[told], p[at][told]


def _sources(project: Project, wanted: Ints) -> Ints:
    """The source of each response, named by item and place."""
    columns = int_columns(
        ItemResponse.objects.filter(item__project=project),
        item=F("item"),
        position=F("position"),
        source=F("response__source"),
    )
    keys = columns["item"] * MAX_RESPONSES + columns["position"]
    order = np.argsort(keys)
    if not len(wanted):
        return wanted
    return np.asarray(columns["source"][order][np.searchsorted(keys[order], wanted)])


def _matrix(found: Leaderboard, lines: list[Line]) -> list[tuple[str, list[WinRate | None]]]:
    place = {source: n for n, source in enumerate(found.sources)}
    shown = [place[line.standing.source] for line in lines]
    return [
        (line.name, [_cell(found.wins[i, j], found.wins[j, i]) for j in shown])
        for line, i in zip(lines, shown, strict=True)
    ]


def _cell(won: float, lost: float) -> WinRate | None:
    """How often the row's source was preferred to the column's; a tie is a half."""
    n = won + lost
    return WinRate(won / n, None, round(n)) if n else None


# --- as a file ------------------------------------------------------------------------------------


def csv_of(project: Project) -> str:
    return written(_rows(leaderboard_page(project)))


def _rows(page: LeaderboardPage) -> Iterable[Row]:
    yield [
        *("rank", "source", "against_the_field", "low", "high"),
        *("strength", "strength_low", "strength_high", "comparisons"),
    ]
    for line in page.lines:
        each = line.standing
        yield [
            *(each.rank, line.name, each.field, *each.field_interval),
            *(each.strength, *each.interval, each.comparisons),
        ]
