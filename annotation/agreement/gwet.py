"""Gwet's AC1 and AC2: agreement beyond chance that holds where one value dominates.

κ and α fall towards 0 when nearly everything has the same value, however well people agree.

    p_a = mean over items with n_i >= 2 of Σ_k n_ik (ñ_ik - 1) / (n_i (n_i - 1))
          with ñ_ik = Σ_l w_kl n_il
    π_k = mean over items of n_ik / n_i
    p_e = Σ_kl w_kl / (q (q - 1)) · Σ_k π_k (1 - π_k)
    AC  = (p_a - p_e) / (1 - p_e)

over q values of the scale; AC1 has w_kl = 1[k = l], AC2 quadratic weights 1 - ((k - l) / (q - 1))².
(K. Gwet, British Journal of Mathematical and Statistical Psychology 61, 2008; Handbook of
Inter-Rater Reliability, 4th edition, chapter 5.)
"""

import numpy as np

from annotation.agreement.tables import CountTable, Floats

LABEL = "Gwet’s AC"  # AC1, of an ordered scale AC2
NOTE = "Beyond chance too, and steady where nearly everything has one answer."


def compute(table: CountTable, weights: Floats, *, metric: str = "nominal") -> Floats:
    """AC1 for each draw (B,), or AC2 with quadratic weights where the scale is ordered."""
    size = len(table.scale)
    if size < 2:
        return np.full(len(weights), np.nan)
    near = np.eye(size)
    if metric != "nominal":
        place = np.arange(size)
        near = 1 - ((place[:, None] - place[None, :]) / (size - 1)) ** 2
    raters, is_pairable = table.raters, table.is_pairable
    pairs = np.where(is_pairable, raters * (raters - 1), 1)
    agreeing = (table.rows * (table.rows @ near - 1)).sum(axis=1) / pairs
    paired, answered = is_pairable.astype(np.float64), raters > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        p_a = weights @ (agreeing * paired) / (weights @ paired)
        shares = table.rows / np.where(answered, raters, 1)[:, None]
        pi = weights @ shares / (weights @ answered.astype(np.float64))[:, None]
        p_e = near.sum() / (size * (size - 1)) * (pi * (1 - pi)).sum(axis=1)
        return np.asarray((p_a - p_e) / (1 - p_e))
