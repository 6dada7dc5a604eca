"""Intervals and tests of a share: k of n.

Wilson  (p̂ + z²/2n ± z √(p̂(1 - p̂)/n + z²/4n²)) / (1 + z²/n)        (E. B. Wilson 1927)
exact   the chance, at p = ½, of a count no likelier than k: Σ_{i: P(i) <= P(k)} P(i)
"""

from math import sqrt

import numpy as np
from scipy.special import gammaln

Z_95 = 1.959964  # the 97.5 % point of the normal distribution


def wilson(share: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share of n; ValueError where nothing was counted."""
    if n <= 0:
        raise ValueError("a share of nothing has no interval")
    z2 = Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z_95 * sqrt(share * (1 - share) / n + z2 / (4 * n**2)) / (1 + z2 / n)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def binomial_p(k: int, n: int) -> float:
    """The two-sided p of k of n where both outcomes are equally likely; 1 where n is 0."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no count")
    counts = np.arange(n + 1)
    logs = gammaln(n + 1) - gammaln(counts + 1) - gammaln(n - counts + 1) - n * np.log(2.0)
    as_unlikely = logs <= logs[k] + 1e-7  # which rounding alone tells apart
    return min(1.0, float(np.exp(logs[as_unlikely]).sum()))
