"""What agreement is computed from: how often each value was given to an item.

Items whose counts are equal share one row, with how many they are: a million judgements on seven
stops are a few hundred rows. Resampling items, the clusters of a bootstrap, is then to draw how
many items each row stands for:

    (w_1 … w_P) ~ Multinomial(N, items / N)

A statistic gets such draws as `weights` (B, P) and gives B values, NaN where it is undefined.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CountTable:
    """`rows` (P, C): how often each value of the scale was given; `items` (P,): to how many items.

    The scale is the declared one, in its order, whether or not each of its values occurs.
    """

    scale: Sequence[Any]
    rows: Floats
    items: Floats

    @property
    def raters(self) -> Floats:
        """How many values each row has (P,)."""
        return np.asarray(self.rows.sum(axis=1))

    @property
    def is_pairable(self) -> NDArray[np.bool_]:
        """Which rows have two values or more (P,): one value alone agrees with nothing."""
        return np.asarray(self.raters >= 2)

    @property
    def pairable(self) -> int:
        """How many values stand beside another one of their item."""
        return int((self.items * self.raters)[self.is_pairable].sum())

    def has_one_value(self) -> bool:
        """Whether all pairable values are the same."""
        used = (self.items[:, None] * self.rows)[self.is_pairable].sum(axis=0)
        return int((used > 0).sum()) == 1

    def resampled(self, draws: int, seed: int = 0) -> Floats:
        """`draws` times as many items, drawn with replacement (draws, P)."""
        count = int(self.items.sum())
        rng = np.random.default_rng(seed)
        return rng.multinomial(count, self.items / count, size=draws).astype(np.float64)

    def plus(self, other: "CountTable", sign: int = 1) -> "CountTable":
        """With the other's items added, or with the sign -1 taken off."""
        both = np.concatenate([self.rows, other.rows])
        rows, place = np.unique(both, axis=0, return_inverse=True)
        items = np.zeros(len(rows))
        np.add.at(items, place.ravel(), np.concatenate([self.items, sign * other.items]))
        return CountTable(self.scale, rows[items > 0], items[items > 0])

    def without(self, value: Hashable) -> "CountTable":
        """The table as if this value had never been given, nor stood on the scale."""
        kept = [n for n, each in enumerate(self.scale) if each != value]
        return CountTable([self.scale[n] for n in kept], self.rows[:, kept], self.items)


def tabulate(scale: Sequence[Any], items: Iterable[Sequence[Any]]) -> CountTable:
    """The table of what was given to each item; ValueError for a value that is not on the scale."""
    places = {value: n for n, value in enumerate(scale)}
    if len(places) < len(scale):
        raise ValueError("a scale names each value once")
    patterns: Counter[tuple[int, ...]] = Counter()
    for values in items:
        row = [0] * len(scale)
        for value in values:
            if value not in places:
                raise ValueError(f"{value!r} is not on the scale {list(scale)!r}")
            row[places[value]] += 1
        patterns[tuple(row)] += 1
    rows = sorted(patterns)
    return CountTable(
        scale,
        np.array(rows, dtype=np.float64).reshape(len(rows), len(scale)),
        np.array([patterns[row] for row in rows], dtype=np.float64),
    )
