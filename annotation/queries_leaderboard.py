"""What the leaderboard shows: the project's sources by what people prefer."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.aggregation.controlled import Floats, NotTold
from annotation.aggregation.leaderboard import Leaderboard, Standing, leaderboard
from annotation.aggregation.win_rate import WinRate
from annotation.bias import style
from annotation.comparisons import Comparisons, comparisons
from annotation.csv_text import Row, written
from annotation.kept_answers import answers_without_turns
from annotation.models import Project
from annotation.queries_style import counts_of
from annotation.queries_writing import StillReading, deadline
from annotation.wording import listed

Flags = NDArray[np.bool_]

MAX_MATRIX = 20  # sources in the table of pairs, the best of them


@dataclass(frozen=True)
class Line:
    """A source; `as_written` is its standing before style was taken out, where it was."""

    name: str
    standing: Standing
    as_written: Standing | None = None


@dataclass(frozen=True)
class LeaderboardPage:
    """`is_alike`: as if all responses were alike in `features`; `why_not` says why they could not
    be made so, and the standings are then those of what was written."""

    lines: list[Line]
    comparisons: int
    items: int
    has_prior: bool
    matrix: list[tuple[str, list[WinRate | None]]]
    is_alike: bool = False
    features: tuple[str, ...] = ()
    why_not: str = ""

    @property
    def sentence(self) -> str:
        """Who leads, if anybody does."""
        leaders = [line.name for line in self.lines if line.standing.rank == 1]
        if len(leaders) == 1:
            return f"{leaders[0]} is preferred to every other one, more than chance explains."
        return f"The first {len(leaders)} cannot be told apart yet: their intervals overlap."

    @property
    def made_alike(self) -> str:
        """What was taken out."""
        return listed(self.features)


def leaderboard_page(project: Project, is_alike: bool = False) -> LeaderboardPage:
    """The standings; with `is_alike` as if all wrote alike."""
    said = comparisons(project, answers_without_turns(project))
    two = said.first_source != said.second_source  # of one and the same, a pair says nothing
    plain = _standings(said, two, None)
    found, why_not = plain, ""
    features: tuple[str, ...] = ()
    if is_alike and plain.standings:
        try:
            d, features = _differences(project, said, two)
            found = _standings(said, two, d)
        except (NotTold, StillReading) as reason:
            features, why_not = (), str(reason)
    names = dict(project.sources.values_list("pk", "label"))
    before = {each.source: each for each in plain.standings}
    lines = [
        Line(names.get(each.source, "–"), each, before[each.source] if features else None)
        for each in found.standings
    ]
    return LeaderboardPage(
        lines=lines,
        comparisons=round(float(said.count[two].sum())),
        items=len(np.unique(said.item[two])),
        has_prior=found.has_prior,
        matrix=_matrix(found, lines[:MAX_MATRIX]),
        is_alike=is_alike,
        features=features,
        why_not=why_not,
    )


def _standings(said: Comparisons, two: Flags, style_of: Floats | None) -> Leaderboard:
    return leaderboard(
        said.item[two],
        said.first_source[two],
        said.second_source[two],
        said.won[two],
        count=said.count[two],
        style=style_of,
    )


def _differences(project: Project, said: Comparisons, two: Flags) -> tuple[Floats, tuple[str, ...]]:
    """In what the responses differ, of the features that can be told (J, K), and their names.

    NotTold is raised where there is none, StillReading where the texts are not all read yet.
    """
    first, second = counts_of(project, said.first[two], said.second[two], deadline())
    d = style.differences(first, second)
    count, won = said.count[two], said.won[two]
    used = style.usable(d, said.item[two], count, won)
    if not used:
        raise NotTold(
            "The responses do not differ in length or style on enough items to take either out."
        )
    return style.standardised(d[:, used], count), tuple(style.FEATURES[k] for k in used)


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


def csv_of(project: Project, is_alike: bool = False) -> str:
    """The standings as CSV."""
    return written(_rows(leaderboard_page(project, is_alike)))


def _rows(page: LeaderboardPage) -> Iterable[Row]:
    if page.why_not:
        yield [page.why_not]
        return
    yield [
        *("rank", "source", "against_the_field", "low", "high"),
        *("strength", "strength_low", "strength_high", "comparisons"),
        *(("rank_as_written", "against_the_field_as_written") if page.features else ()),
    ]
    for line in page.lines:
        each, before = line.standing, line.as_written
        yield [
            *(each.rank, line.name, each.field, *each.field_interval),
            *(each.strength, *each.interval, each.comparisons),
            *((before.rank, before.field) if before else ()),
        ]
