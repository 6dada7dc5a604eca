"""Fleiss' κ: any number of raters, the same for each item.

    P_i = (Σ_j n_ij² - n) / (n (n - 1))      P = mean of P_i
    p_j = Σ_i n_ij / (N n)                   P_e = Σ_j p_j²
    κ   = (P - P_e) / (1 - P_e)

(J. L. Fleiss, Psychological Bulletin 76, 1971.) Where items have different numbers of answers it
is undefined, and Krippendorff's nominal α says what it would.
"""

from math import sqrt

import numpy as np

from annotation.agreement.tables import CountTable, Floats

LABEL = "Fleiss’ κ"
NOTE = "For comparison with papers that report it; takes no account of order."


def compute(table: CountTable, weights: Floats, *, metric: str = "nominal") -> Floats:
    """κ for each draw (B,), whatever the metric; NaN where raters differ in number, or all gave
    one value."""
    n = raters_of_each(table)
    if n is None:
        return np.full(len(weights), np.nan)
    alike = ((table.rows**2).sum(axis=1) - n) / (n * (n - 1))
    items = weights.sum(axis=1)
    shares = weights @ table.rows / (items * n)[:, None]
    by_chance = (shares**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = (weights @ alike / items - by_chance) / (1 - by_chance)
    return np.where(by_chance < 1 - 1e-12, kappa, np.nan)


def raters_of_each(table: CountTable) -> float | None:
    """How many answers every item has; None where that differs, or is below two."""
    counts = set(table.raters.tolist())
    return counts.pop() if len(counts) == 1 and min(counts) >= 2 else None


def standard_error_by_chance(table: CountTable) -> float:
    """The standard error of κ if people answered by chance: κ over it is Fleiss' z.

    √(2 / (N n (n - 1))) · √((Σ p q)² - Σ p q (q - p)) / Σ p q  with q = 1 - p
    (Fleiss, Nee & Landis, Psychological Bulletin 86, 1979). ValueError where κ is undefined.
    """
    n = raters_of_each(table)
    if n is None or table.has_one_value():
        raise ValueError("κ is undefined, so it has no standard error")
    items = table.items.sum()
    p = table.items @ table.rows / (items * n)
    pq = p * (1 - p)
    root = pq.sum() ** 2 - (pq * (1 - 2 * p)).sum()
    return sqrt(2 / (items * n * (n - 1))) * sqrt(root) / float(pq.sum())
