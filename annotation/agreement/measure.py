"""A statistic's value with its interval, or why it has none.

The interval is the 2.5 % and 97.5 % quantile of the statistic over draws of the items: values of
one item resemble each other, so the item is what is drawn (a cluster bootstrap).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from annotation.agreement.tables import CountTable, Floats

DRAWS = 1000
BOUNDS = (0.025, 0.975)
DEFINED_DRAWS = 0.95  # of all; with fewer the quantiles would be of a selection

Statistic = Callable[[CountTable, Floats], Floats]


@dataclass(frozen=True)
class Agreement:
    """`value` is None where it is undefined, and `why` says so in a sentence.

    `n` counts the values that stand beside another of their item, `items` the items they are of.
    """

    value: float | None
    interval: tuple[float, float] | None
    n: int
    items: int
    why: str = ""


def measure(
    statistic: Statistic, table: CountTable, *, draws: int = DRAWS, seed: int = 0
) -> Agreement:
    """The statistic over the table's items, with its 95 % interval."""
    n, items = table.pairable, int(table.items[table.is_pairable].sum())
    if items == 0:
        return Agreement(None, None, n, items, "No item has two answers yet.")
    value = float(statistic(table, table.items[None])[0])
    if np.isnan(value):
        return Agreement(None, None, n, items, _why(table))
    if items == 1:
        return Agreement(value, None, n, items, "One item alone has no interval.")
    return Agreement(value, _interval(statistic(table, table.resampled(draws, seed))), n, items)


def difference(
    statistic: Statistic,
    before: CountTable,
    after: CountTable,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Agreement:
    """The statistic of `after` less that of `before`, with the interval of both drawn apart."""
    found = [measure(statistic, table, draws=2, seed=seed) for table in (before, after)]
    n, items = (
        sum(values) for values in zip(*((each.n, each.items) for each in found), strict=True)
    )
    if found[0].value is None or found[1].value is None:
        return Agreement(None, None, n, items, next(each.why for each in found if each.why))
    value = found[1].value - found[0].value
    if min(each.items for each in found) == 1:
        return Agreement(value, None, n, items, "One item alone has no interval.")
    drawn = [
        statistic(table, table.resampled(draws, seed + place))
        for place, table in enumerate((before, after))
    ]
    return Agreement(value, _interval(drawn[1] - drawn[0]), n, items)


def _why(table: CountTable) -> str:
    if table.has_one_value():
        return (
            "Everybody gave the same answer to everything, so nothing shows whether they agree"
            " by more than chance."
        )
    return "The items have different numbers of answers, and this figure needs the same for all."


def _interval(drawn: Floats) -> tuple[float, float] | None:
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < DEFINED_DRAWS * len(drawn):
        return None
    low, high = np.quantile(defined, BOUNDS)
    return float(low), float(high)
