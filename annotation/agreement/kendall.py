"""Kendall's τ-b of two rankings and W of several, both with ties.

    τ_b = (C - D) / √((n_0 - n_1)(n_0 - n_2)),  n_0 = n(n-1)/2, n_1, n_2 pairs tied in one of them

    W   = (12 Σ_i R_i² - 3 m² n (n + 1)²) / (m² n (n² - 1) - m Σ_j T_j),  T_j = Σ (t³ - t)
    χ²  = m (n - 1) W   on n - 1 degrees of freedom

for m rankings of n responses, R_i the sum of response i's ranks, tied ones given their mean rank,
t the sizes of the groups of ties in ranking j. (M. G. Kendall, Rank Correlation Methods, 1948.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from annotation.agreement.tables import Floats

LABEL = "Kendall’s W"


def tau_b(first: Sequence[float], second: Sequence[float]) -> float | None:
    """τ-b of two rankings of the same responses; None where one of them ties everything."""
    if len(first) != len(second):
        raise ValueError("both rankings rank the same responses")
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    upper = np.triu_indices(len(x), k=1)
    of_x = np.sign(x[:, None] - x[None, :])[upper]
    of_y = np.sign(y[:, None] - y[None, :])[upper]
    room = float((of_x != 0).sum()) * float((of_y != 0).sum())
    return float((of_x * of_y).sum()) / room**0.5 if room else None


@dataclass(frozen=True)
class Concordance:
    w: float
    chi_squared: float
    degrees: int
    p: float


def concordance(rankings: Sequence[Sequence[float]], *, ties: bool = True) -> Concordance | None:
    """W of m rankings (m, n) of the same n responses, with χ² and its p.

    None where nothing is ranked: fewer than two rankings or responses, or ties everywhere. With
    `ties` False the correction for ties is left out, as some programs do.
    """
    ranks = np.array([mean_ranks(each) for each in rankings])
    m, n = ranks.shape if ranks.ndim == 2 else (0, 0)
    if m < 2 or n < 2:
        return None
    groups = [np.unique(each, return_counts=True)[1].astype(np.float64) for each in ranks]
    tied = sum(float((t**3 - t).sum()) for t in groups) if ties else 0.0
    room = m**2 * n * (n**2 - 1) - m * tied
    if room <= 0:
        return None
    squares = float((ranks.sum(axis=0) ** 2).sum())
    w = (12 * squares - 3 * m**2 * n * (n + 1) ** 2) / room
    statistic = m * (n - 1) * w
    return Concordance(w, statistic, n - 1, float(chdtrc(n - 1, statistic)))


def mean_ranks(values: Sequence[float]) -> Floats:
    """Ranks from 1, tied values given the mean of theirs."""
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    means: Floats = np.cumsum(counts) - (counts - 1) / 2
    return means[place]
