"""Which values people gave about the same, out of arrays: the count table, and each one's share.

A unit is what several people say something about: a pair of one item's responses, or a response.
Each person says one thing of a unit.

    with the rest   r_k = Σ_u (n_u(v_ku) - 1) / Σ_u (m_u - 1)      over the units that k shares,
                    n_u(v) of whose m_u people said v
    by chance       e_k = Σ_c p_k(c) q_k(c),  p_k what k says there, q_k what the others say
    κ_k             (r_k - e_k) / (1 - e_k)
    standard error  as `win_rate`: √(U / (U - 1) · Σ_u (a_u - r t_u)²) / Σ_u t_u
"""

from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotation.aggregation.win_rate import WinRate
from annotation.agreement.tables import CountTable, Floats
from annotation.distinct import distinct

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Judgements:
    """Who (J,) said which value (J,), by its place on the scale, of which unit (J,)."""

    scale: tuple[Any, ...]
    unit: Ints
    person: Ints
    value: Ints

    def __len__(self) -> int:
        return len(self.unit)

    def where(self, chosen: NDArray[np.bool_]) -> "Judgements":
        return Judgements(self.scale, self.unit[chosen], self.person[chosen], self.value[chosen])

    @cached_property
    def place(self) -> Ints:
        """The unit of each, by its place among them (J,)."""
        return distinct(self.unit)[1]

    def cells(self, counted: Ints | None = None) -> Ints:
        """How often each value was given to each unit (U, C); `counted` (J,) weighs each."""
        size, units = len(self.scale), int(self.place.max(initial=-1)) + 1
        cells = np.bincount(self.place * size + self.value, counted, minlength=units * size)
        return cells.reshape(units, size).astype(np.int64)


def count_table(judgements: Judgements) -> CountTable:
    """The table of the units, those with equal counts together."""
    rows, items = _together(judgements.cells())
    return CountTable(judgements.scale, rows, items)


def count_tables(judgements: Judgements, keys: Ints) -> dict[int, CountTable]:
    """The table of the judgements of each key (J,), by the key."""
    names, key = distinct(keys)
    if len(names) == 1:
        return {int(names[0]): count_table(judgements)}
    units = int(judgements.place.max(initial=-1)) + 1
    parts, place = distinct(key * units + judgements.place)  # a unit may have parts in several
    size = len(judgements.scale)
    cells = np.bincount(place * size + judgements.value, minlength=len(parts) * size)
    cells = cells.reshape(len(parts), size)
    ends = np.searchsorted(parts, np.arange(len(names) + 1) * units)
    found = {}
    for n, name in enumerate(names.tolist()):
        rows, items = _together(cells[ends[n] : ends[n + 1]])
        found[name] = CountTable(judgements.scale, rows, items)
    return found


def _together(cells: Ints) -> tuple[Floats, Floats]:
    base = int(cells.max(initial=0)) + 1
    if base ** cells.shape[1] < 2**62:  # a row is a number with these digits: quick to compare
        digits = base ** np.arange(cells.shape[1], dtype=np.int64)
        _, first, items = np.unique(cells @ digits, return_index=True, return_counts=True)
        return cells[first].astype(np.float64), items.astype(np.float64)
    rows, items = np.unique(cells, axis=0, return_counts=True)
    return rows.astype(np.float64), items.astype(np.float64)


@dataclass(frozen=True)
class WithTheRest:
    """How often a person says what another one says of the same; `kappa` None where undefined."""

    share: WinRate
    kappa: float | None


def with_the_rest(
    judgements: Judgements, others: NDArray[np.bool_] | None = None
) -> dict[int, WithTheRest]:
    """Each person who shares a unit with somebody, against everybody else there.

    With `others` (J,), only against those who gave these judgements.
    """
    if others is not None and not others.any():
        return {}
    counted = (
        np.ones(len(judgements), dtype=np.int64) if others is None else others.astype(np.int64)
    )
    size, place, cells = len(judgements.scale), judgements.place, judgements.cells(counted)
    beside = cells.sum(axis=1)[place] - counted
    shared = beside > 0
    place, beside, counted = place[shared], beside[shared], counted[shared]
    value = judgements.value[shared]
    same = cells[place, value] - counted
    people, who = distinct(judgements.person[shared])
    count = len(people)
    total = np.bincount(who, beside, minlength=count)
    share = np.bincount(who, same, minlength=count) / total
    clusters = np.bincount(who, minlength=count)
    squares = np.bincount(who, (same - share[who] * beside) ** 2, minlength=count)
    theirs = np.zeros((count, size))
    own = np.bincount(who * size + value, beside, minlength=count * size).reshape(count, size)
    for each in range(size):
        said = cells[place, each] - (value == each) * counted
        theirs[:, each] = np.bincount(who, said, minlength=count)
    chance = (own * theirs).sum(axis=1) / total**2
    return {
        int(people[k]): WithTheRest(
            WinRate(
                rate=min(max(float(share[k]), 0.0), 1.0),
                standard_error=_error(int(clusters[k]), float(squares[k]), float(total[k])),
                n=int(total[k]),
                clusters=int(clusters[k]),
            ),
            float((share[k] - chance[k]) / (1 - chance[k])) if chance[k] < 1 - 1e-12 else None,
        )
        for k in range(count)
    }


def _error(clusters: int, squares: float, total: float) -> float | None:
    return sqrt(clusters / (clusters - 1) * squares) / total if clusters > 1 else None


def between_two(judgements: Judgements, people: list[int]) -> dict[tuple[int, int], WinRate]:
    """For each two of these people, how often they say the same of what both judged."""
    chosen = judgements.where(np.isin(judgements.person, people))
    order = np.lexsort((chosen.person, chosen.unit))
    unit, person, value = chosen.unit[order], chosen.person[order], chosen.value[order]
    found: dict[tuple[int, int], list[int]] = {}
    for step in range(1, len(people)):
        together = unit[step:] == unit[:-step]
        if not together.any():
            break
        first, second = person[:-step][together], person[step:][together]
        same = value[:-step][together] == value[step:][together]
        pairs, where = np.unique(np.stack([first, second]), axis=1, return_inverse=True)
        agreed, met = np.bincount(where, same), np.bincount(where)
        for (a, b), yes, n in zip(pairs.T.tolist(), agreed.tolist(), met.tolist(), strict=True):
            counts = found.setdefault((a, b), [0, 0])
            counts[0] += int(yes)
            counts[1] += int(n)
    return {pair: _share(yes, n) for pair, (yes, n) in found.items()}


def _share(yes: int, n: int) -> WinRate:
    rate = yes / n
    error = sqrt(rate * (1 - rate) / (n - 1)) if n > 1 else None
    return WinRate(rate, error, n, clusters=n)
