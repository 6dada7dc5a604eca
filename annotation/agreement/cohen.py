"""Cohen's κ of two raters, plain or weighted.

    κ = 1 - Σ_ij v_ij o_ij / Σ_ij v_ij e_ij,   o_ij the share of items with values i and j,
                                               e_ij = o_i. o_.j
    v_ij = 1[i ≠ j] plain, |i - j| linear, (i - j)² quadratic

i and j are places on the declared scale, not among the values that happen to occur: leaving out
one that nobody used would change the weights. (J. Cohen 1960, 1968; the standard error is that of
J. L. Fleiss, J. Cohen & B. S. Everitt, Psychological Bulletin 72, 1969.)
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Any, Literal

import numpy as np

from annotation.agreement.tables import Floats

LABEL = "Cohen’s κ"

Weights = Literal["plain", "linear", "quadratic"]


def joint(scale: Sequence[Any], pairs: Iterable[tuple[Any, Any]]) -> Floats:
    """How often the two gave each two values (C, C); ValueError for a value not on the scale."""
    places = {value: n for n, value in enumerate(scale)}
    counts = np.zeros((len(scale), len(scale)))
    for first, second in pairs:
        for value in (first, second):
            if value not in places:
                raise ValueError(f"{value!r} is not on the scale {list(scale)!r}")
        counts[places[first], places[second]] += 1
    return counts


def kappa(counts: Floats, weights: Weights = "plain") -> Floats:
    """κ of one or many tables (…, C, C); NaN where chance alone explains everything."""
    apart = _apart(counts.shape[-1], weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = counts / counts.sum(axis=(-2, -1), keepdims=True)
        expected = shares.sum(axis=-1)[..., :, None] * shares.sum(axis=-2)[..., None, :]
        by_chance = (apart * expected).sum(axis=(-2, -1))
        value = 1 - (apart * shares).sum(axis=(-2, -1)) / by_chance
    return np.where(by_chance > 0, value, np.nan)


def resampled(counts: Floats, draws: int, seed: int = 0) -> Floats:
    """Tables of as many items, drawn with replacement (draws, C, C)."""
    total = counts.sum()
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(int(total), counts.ravel() / total, size=draws)
    return drawn.reshape(draws, *counts.shape).astype(np.float64)


def standard_error(counts: Floats, weights: Weights = "plain") -> float:
    """The asymptotic standard error of κ; NaN where κ is undefined."""
    n, size = counts.sum(), counts.shape[-1]
    near = 1 - _apart(size, weights) / max(size - 1, 1) ** {"quadratic": 2}.get(weights, 1)
    if weights == "plain":
        near = np.eye(size)
    shares = counts / n
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    k = float(kappa(counts, weights))
    p_e = float(rows @ near @ columns)
    means = (near @ columns)[:, None] + (near.T @ rows)[None, :]
    spread = float((shares * (near - means * (1 - k)) ** 2).sum())
    return sqrt(max(spread - (k - p_e * (1 - k)) ** 2, 0.0) / float(n)) / (1 - p_e)


def _apart(size: int, weights: Weights) -> Floats:
    place = np.arange(size, dtype=np.float64)
    steps = np.abs(place[:, None] - place[None, :])
    return {"plain": (steps > 0) * 1.0, "linear": steps, "quadratic": steps**2}[weights]
