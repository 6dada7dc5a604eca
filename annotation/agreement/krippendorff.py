"""Krippendorff's α: one coefficient for any number of raters, missing values and kinds of scale.

    o_ck = Σ_u n_uc (n_uk - 1[c = k]) / (m_u - 1)      over units with m_u >= 2 values
    n_c  = Σ_k o_ck,   n = Σ_c n_c
    α    = 1 - (n - 1) Σ_ck o_ck δ²_ck / Σ_ck n_c n_k δ²_ck

    nominal   δ²_ck = 1[c ≠ k]
    ordinal   δ²_ck = (Σ_{g=c…k} n_g - (n_c + n_k) / 2)²
    interval  δ²_ck = (c - k)²
    ratio     δ²_ck = ((c - k) / (c + k))²

(K. Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.) The default here: real data
lacks values, and what is asked of several people differs in how many answered.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from annotation.agreement.tables import CountTable, Floats

LABEL = "Krippendorff’s α"
NOTE = "Agreement beyond chance: 1 is full, 0 what drawing lots gives."

Metric = Literal["nominal", "ordinal", "interval", "ratio"]


def compute(table: CountTable, weights: Floats, *, metric: Metric = "nominal") -> Floats:
    """α for each draw (B,); NaN where a draw has no two values that could differ."""
    rows = table.rows[table.is_pairable]
    size = len(table.scale)
    within = rows[:, :, None] * rows[:, None, :] - rows[:, :, None] * np.eye(size)
    within /= (rows.sum(axis=1) - 1)[:, None, None]
    drawn = weights[:, table.is_pairable]
    coincidences = (drawn @ within.reshape(len(rows), size * size)).reshape(-1, size, size)
    totals = coincidences.sum(axis=2)  # (B, C)
    delta = distances(table.scale, totals, metric)
    observed = (coincidences * delta).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * delta).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        alpha = 1 - (totals.sum(axis=1) - 1) * observed / expected
    return np.where(expected > 0, alpha, np.nan)


def distances(scale: Sequence[Any], totals: Floats, metric: Metric) -> Floats:
    """δ² between the values of the scale: (1, C, C), for ordinal ones (B, C, C)."""
    if metric == "nominal":
        return (1 - np.eye(len(scale)))[None]
    if metric == "ordinal":
        before = np.cumsum(totals, axis=1) - totals / 2  # of g < c all, of c itself one half
        return np.asarray((before[:, :, None] - before[:, None, :]) ** 2)
    values = np.array(scale, dtype=np.float64)
    apart = values[:, None] - values[None, :]
    if metric == "ratio":
        if (values < 0).any():
            raise ValueError("a ratio scale has no value below 0")
        together = values[:, None] + values[None, :]
        apart = np.divide(apart, together, out=np.zeros_like(apart), where=together > 0)
    return np.asarray(apart**2)[None]
