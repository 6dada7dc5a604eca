"""Which values people gave about the same, out of arrays: count tables, and each two people.

A unit is what several people say something about: a pair of one item's responses, or a response.
Each person says one thing of a unit.
"""

from dataclasses import dataclass
from functools import cached_property
from math import prod, sqrt
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
    if len(names) < 2:
        return {name: count_table(judgements) for name in names.tolist()}
    of_unit = np.zeros(int(judgements.place.max()) + 1, dtype=np.int64)
    of_unit[judgements.place] = key
    if (of_unit[judgements.place] == key).all():
        cells = judgements.cells()
    else:  # a unit has a part in several
        parts, place = distinct(key * len(of_unit) + judgements.place)
        size, of_unit = len(judgements.scale), parts // len(of_unit)
        counted = np.bincount(place * size + judgements.value, minlength=len(parts) * size)
        cells = counted.reshape(len(parts), size)
    rows, items = _together(np.concatenate([of_unit[:, None], cells], axis=1))
    ends = np.searchsorted(rows[:, 0], np.arange(len(names) + 1))
    return {
        name: CountTable(
            judgements.scale, rows[ends[n] : ends[n + 1], 1:], items[ends[n] : ends[n + 1]]
        )
        for n, name in enumerate(names.tolist())
    }


def _together(cells: Ints) -> tuple[Floats, Floats]:
    """The different rows, in their order, and how often each is there."""
    # a row is a number with these digits: quick to compare
    bases = [int(each) + 1 for each in cells.max(axis=0, initial=0)]
    digits = [prod(bases[n + 1 :]) for n in range(len(bases))]
    if prod(bases) < 2**62:
        _, first, items = np.unique(
            cells @ np.array(digits, dtype=np.int64), return_index=True, return_counts=True
        )
        return cells[first].astype(np.float64), items.astype(np.float64)
    rows, items = np.unique(cells, axis=0, return_counts=True)
    return rows.astype(np.float64), items.astype(np.float64)


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
