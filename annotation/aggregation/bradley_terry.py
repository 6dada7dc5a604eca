"""Strengths out of comparisons: Bradley–Terry, and Davidson's where ties are told apart.

    P(i ≻ j) = σ(s_i - s_j)                                                (Bradley & Terry 1952)

    P(i ≻ j) = π_i / m,  P(j ≻ i) = π_j / m,  P(i = j) = ν √(π_i π_j) / m  (Davidson 1970)
    π = e^s,  m = π_i + π_j + ν √(π_i π_j)

Without `ties` a tie is to be handed over as half a win for each. Both are found by Newton's method
on the log-likelihood, which is concave. For a pair with n comparisons, and d = ½ for a win of i,
-½ for one of j, 0 for a tie, it depends on s_i - s_j alone:

    gradient  Σ d - n E[d]        information  n Var[d]        (and the like for θ = ln ν)

Strengths have mean 0: only differences mean something, and so do their standard errors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]

STEPS = 100
TOLERANCE = 1e-10


class NotConnected(ValueError):
    """Some never lost to, or were never compared with, some others: no strength fits."""


@dataclass(frozen=True)
class Strengths:
    """`values` (n,) with mean 0 and their `covariance` (n, n); ν of ties, None without them."""

    values: Floats
    covariance: Floats
    nu: float | None = None

    def standard_errors(self, reference: int) -> Floats:
        """Of s_i - s_reference (n,)."""
        spread = np.diag(self.covariance)
        against = self.covariance[reference]
        return np.asarray(np.sqrt(np.maximum(spread + spread[reference] - 2 * against, 0.0)))

    @property
    def shares(self) -> Floats:
        """π, with sum 1 (n,)."""
        powers = np.exp(self.values - self.values.max())
        return np.asarray(powers / powers.sum())


def fit(wins: Floats, ties: Floats | None = None, *, prior: float = 0.0) -> Strengths:
    """The likeliest strengths: `wins[i, j]` times i won over j, `ties` symmetric (n, n).

    `prior` is the precision of a normal prior on each strength; with 0, NotConnected is raised
    where some side never wins against the others, whose strengths would be infinite.
    """
    wins = np.asarray(wins, dtype=np.float64)
    tied = np.zeros_like(wins) if ties is None else np.asarray(ties, dtype=np.float64)
    _check(wins, tied, prior)
    size = len(wins)
    count = wins + wins.T + tied
    with_ties = bool(tied.any())
    s, theta = np.zeros(size), 0.0
    for _ in range(STEPS):
        gradient, information = _derivatives(s, theta, wins, tied, count, with_ties)
        gradient[:size] -= prior * s
        information[:size, :size] += prior * np.eye(size)
        # all strengths together can move freely: held at mean 0
        information[:size, :size] += 1.0 / size
        step = np.linalg.solve(information, gradient)
        # far from the top Newton's step overshoots
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        s, theta = s + step[:size], theta + (float(step[size]) if with_ties else 0.0)
        s -= s.mean()
        if np.abs(step).max() < TOLERANCE:
            break
    covariance = np.linalg.inv(information)[:size, :size] - 1.0 / size
    return Strengths(
        s, np.asarray(covariance, dtype=np.float64), float(np.exp(theta)) if with_ties else None
    )


def _derivatives(
    s: Floats, theta: float, wins: Floats, tied: Floats, count: Floats, with_ties: bool
) -> tuple[Floats, Floats]:
    """Gradient and information of (s, θ) at this place."""
    size = len(s)
    apart = s[:, None] - s[None, :]
    top = np.maximum(np.abs(apart) / 2, theta if with_ties else 0.0)
    weight = np.exp(apart / 2 - top)
    equal = np.exp(theta - top) if with_ties else np.zeros_like(apart)
    total = weight + weight.T + equal
    p, q, t = weight / total, weight.T / total, equal / total
    gradient = np.zeros(size + with_ties)
    gradient[:size] = ((wins - wins.T) / 2 - count * (p - q) / 2).sum(axis=1)
    of_pair = count * ((p + q) / 4 - ((p - q) / 2) ** 2)
    information = np.zeros((size + with_ties, size + with_ties))
    information[:size, :size] = np.diag(of_pair.sum(axis=1)) - of_pair
    if with_ties:
        upper = np.triu(count, k=1)
        gradient[size] = np.triu(tied, k=1).sum() - (upper * t).sum()
        information[size, size] = (upper * t * (1 - t)).sum()
        crossed = -(count * t * (p - q) / 2).sum(axis=1)
        information[:size, size] = information[size, :size] = crossed
    return gradient, information


def _check(wins: Floats, tied: Floats, prior: float) -> None:
    if wins.ndim != 2 or wins.shape[0] != wins.shape[1] or wins.shape != tied.shape:
        raise ValueError("wins and ties are square tables of one size")
    if (wins < 0).any() or (tied < 0).any() or np.diag(wins).any() or np.diag(tied).any():
        raise ValueError("counts are not negative, and nobody is compared with themselves")
    if not np.array_equal(tied, tied.T):
        raise ValueError("ties are symmetric")
    if tied.any() and not wins.any():
        raise NotConnected("There are ties alone, so all are equal and nothing can be estimated.")
    reached = connected_components(wins + tied > 0, directed=True, connection="strong")[0]
    if reached > 1 and prior <= 0:
        raise NotConnected(
            "Some never won, never lost, or were never compared with the others, so their strength"
            " has no bound. Compare more pairs, or set a weak prior."
        )
