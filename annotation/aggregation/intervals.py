"""Intervals and tests of a share: k of n.

Wilson  (p̂ + z²/2n ± z √(p̂(1 - p̂)/n + z²/4n²)) / (1 + z²/n)        (E. B. Wilson 1927)
exact   the chance, at p = ½, of a count no likelier than k: Σ_{i: P(i) <= P(k)} P(i)
tail    the chance, at any p, of k or more: Σ_{i >= k} C(n, i) pⁱ (1 - p)ⁿ⁻ⁱ
Fisher  the chance, of n drawn from N of which K are so, of a count no likelier than k, where
        P(i) = C(K, i) C(N - K, n - i) / C(N, n)                    (R. A. Fisher 1935)
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, gammaln

Z_95 = 1.959964  # the 97.5 % point of the normal distribution
SLACK = 1e-7  # by which rounding alone tells two logarithms apart


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
    as_unlikely = logs <= logs[k] + SLACK
    return min(1.0, float(np.exp(logs[as_unlikely]).sum()))


def binomial_tail(k: int, n: int, p: float) -> float:
    """The chance of k or more of n where each has the chance p."""
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no count")
    return float(bdtrc(k - 1, n, p)) if k else 1.0


def fisher_p(k: int, n: int, all_k: int, all_n: int) -> float:
    """The two-sided p of k of n, if they were drawn at random from all_k of all_n."""
    least, logs = _drawn(k, n, all_k, all_n)
    return min(1.0, float(np.exp(logs[logs <= logs[k - least] + SLACK]).sum()))


def fisher_tail(k: int, n: int, all_k: int, all_n: int) -> float:
    """The chance of k or more of n, if they were drawn at random from all_k of all_n."""
    least, logs = _drawn(k, n, all_k, all_n)
    return min(1.0, float(np.exp(logs[k - least :]).sum()))


def _drawn(k: int, n: int, all_k: int, all_n: int) -> tuple[int, NDArray[np.float64]]:
    """The least count that can be drawn, and the logarithm of the chance of it and each more."""
    if not (0 <= k <= n and 0 <= all_k - k <= all_n - n):
        raise ValueError(f"{k} of {n} is no part of {all_k} of {all_n}")
    least = max(0, n - (all_n - all_k))
    i = np.arange(least, min(n, all_k) + 1)
    logs = _choose(all_k, i) + _choose(all_n - all_k, n - i) - _choose(all_n, np.array(n))
    return least, np.asarray(logs)


def _choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
    """ln C(n, k)."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
