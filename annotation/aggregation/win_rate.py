"""How often one source beats another, with a standard error that knows about clusters.

Judgements of one prompt resemble each other, so the prompt is the cluster g = 1 … G with
outcomes y_gi (1 win, 0.5 tie, 0 loss), n in all:

    rate = Σ y_gi / n
    se²  = G / (G - 1) · Σ_g (Σ_i (y_gi - rate))² / n²

the cluster-robust variance of a mean (Liang & Zeger 1986; Cameron & Miller 2015, eq. 11). With
one judgement a cluster it is s² / n, the textbook value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from annotation.aggregation.intervals import wilson


@dataclass(frozen=True)
class WinRate:
    """`rate` is None without judgements; `standard_error` is None with fewer than two clusters."""

    rate: float | None
    standard_error: float | None
    n: int
    clusters: int = 0

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % Wilson interval at the effective number of judgements; stays within 0 … 1.

        Unlike rate ± 2 se it does not shrink to a point when every judgement is a win.
        """
        if self.rate is None or self.standard_error is None:
            return None
        spread = self.rate * (1 - self.rate)
        effective = float(self.clusters)
        if spread > 0 and self.standard_error > 0:
            effective = min(spread / self.standard_error**2, float(self.n))
        return wilson(self.rate, effective)


def win_rate(outcomes_by_cluster: Mapping[Any, Sequence[float]]) -> WinRate:
    """The share of wins over all judgements; ValueError for an outcome outside 0 … 1."""
    groups = [outcomes for outcomes in outcomes_by_cluster.values() if outcomes]
    for outcome in (y for group in groups for y in group):
        if not 0.0 <= outcome <= 1.0:
            raise ValueError(f"an outcome lies between 0 and 1, not {outcome}")
    n = sum(len(group) for group in groups)
    if n == 0:
        return WinRate(rate=None, standard_error=None, n=0)
    rate = sum(sum(group) for group in groups) / n
    count = len(groups)
    if count < 2:
        return WinRate(rate=rate, standard_error=None, n=n, clusters=count)
    squares = sum(sum(y - rate for y in group) ** 2 for group in groups)
    error = sqrt(count / (count - 1) * squares) / n
    return WinRate(rate=rate, standard_error=error, n=n, clusters=count)
