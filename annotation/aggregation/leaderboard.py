"""Which sources are preferred: strengths of all at once, with intervals that know about items.

    P(i ≻ j) = σ(s_i - s_j), a tie half a win for each            (`bradley_terry`)
    g_c = Σ over comparisons of item c of (y - σ(s_a - s_b)) (e_a - e_b)
    V   = C / (C - 1) · I⁻¹ (Σ_c g_c g_cᵀ) I⁻¹

I is the information of the fit, V the cluster-robust covariance (Liang & Zeger 1986): answers to
one item resemble each other, so the item is the cluster. What is shown of a source is how often it
would be preferred to one of the others,

    against the field_i = mean over j ≠ i of σ(s_i - s_j)

with the quantiles of draws of s from N(s, V). A source's rank is 1 + how many others have a lower
bound of s above its upper one, so sources that cannot be told apart share it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import expit

from annotation.aggregation import bradley_terry, controlled
from annotation.aggregation.bradley_terry import Floats, NotConnected
from annotation.aggregation.controlled import WEAK_PRIOR, Compared
from annotation.aggregation.intervals import Z_95

Ints = NDArray[np.int64]

DRAWS = 1000
BOUNDS = (0.025, 0.975)


@dataclass(frozen=True)
class Standing:
    """One source; `field` is how often it would be preferred to one of the others."""

    source: int
    rank: int
    strength: float
    interval: tuple[float, float]  # of the strength, against the mean of all
    field: float
    field_interval: tuple[float, float]
    comparisons: int


@dataclass(frozen=True)
class Leaderboard:
    """The best first. `wins` (S, S) are counts with ties as halves, in the order of `sources`."""

    standings: list[Standing]
    sources: list[int]
    wins: Floats
    has_prior: bool  # some never won or never lost, so a weak prior bounds their strengths


def leaderboard(
    item: Ints,
    first: Ints,
    second: Ints,
    won: Floats,
    count: Floats | None = None,
    style: Floats | None = None,
    seed: int = 0,
) -> Leaderboard:
    """Of comparisons (J,): of which item, which two sources, how far the first won (1, ½ or 0).

    With `count` a row stands for so many of them, of which the first won `won`. With `style` (J, K)
    as if it were nothing; NotTold is raised where the sources differ in nothing else.
    """
    sources, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = len(sources)
    if size < 2:
        return Leaderboard([], sources.tolist(), np.zeros((size, size)), has_prior=False)
    count = np.ones(len(won)) if count is None else count
    a, b = places[: len(first)], places[len(first) :]
    wins = _table(a, b, won, size) + _table(b, a, count - won, size)
    try:
        found, has_prior = bradley_terry.fit(wins), False
    except NotConnected:
        found, has_prior = bradley_terry.fit(wins, prior=WEAK_PRIOR), True
    if style is None:
        residual = won - count * expit(found.values[a] - found.values[b])
        values, covariance = found.values, _robust(item, a, b, residual, found)
    else:
        said = Compared(item, a, b, count, won, style, size)
        alike = controlled.fit_bounded(said)
        values, covariance = alike.strengths, alike.covariance[:size, :size]
    standings = _standings(sources, values, covariance, wins, seed)
    return Leaderboard(standings, sources.tolist(), wins, has_prior)


def _table(row: Ints, column: Ints, values: Floats, size: int) -> Floats:
    """Their sums by row and column (S, S)."""
    flat = np.bincount(row * size + column, values, minlength=size * size)
    return np.asarray(flat.reshape(size, size))


def _standings(
    sources: Ints, values: Floats, covariance: Floats, wins: Floats, seed: int
) -> list[Standing]:
    """The best first."""
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    low, high = values - Z_95 * error, values + Z_95 * error
    drawn = np.random.default_rng(seed).multivariate_normal(
        values, covariance, size=DRAWS, method="eigh"
    )
    bounds = np.quantile(_against_field(drawn), BOUNDS, axis=0)
    field = _against_field(values[None])[0]
    met = wins.sum(axis=1) + wins.sum(axis=0)
    return [
        Standing(
            source=int(sources[i]),
            rank=1 + int((low > high[i]).sum()),
            strength=float(values[i]),
            interval=(float(low[i]), float(high[i])),
            field=float(field[i]),
            field_interval=(float(bounds[0, i]), float(bounds[1, i])),
            comparisons=round(float(met[i])),
        )
        for i in np.argsort(-values, kind="stable").tolist()
    ]


def _robust(
    item: Ints, a: Ints, b: Ints, residual: Floats, found: bradley_terry.Strengths
) -> Floats:
    items, cluster = np.unique(item, return_inverse=True)
    count, size = len(items), len(found.values)
    entries = np.concatenate([residual, -residual])
    places = (np.concatenate([cluster, cluster]), np.concatenate([a, b]))
    gradients = csr_matrix((entries, places), shape=(count, size))
    spread = np.asarray((gradients.T @ gradients).todense())
    spread *= count / (count - 1) if count > 1 else 1.0
    centred = np.eye(size) - 1 / size  # against the mean of all
    inverse = centred @ found.covariance @ centred
    return np.asarray(inverse @ spread @ inverse)


def _against_field(strengths: Floats) -> Floats:
    """(B, S) strengths → how often each would be preferred to one of the others (B, S)."""
    size = strengths.shape[1]
    total = np.zeros_like(strengths)
    for other in range(size):
        total += expit(strengths - strengths[:, other : other + 1])
    return np.asarray((total - 0.5) / (size - 1))  # itself is not one of the others
