"""Whether length and style decide: what is preferred of two responses that differ in nothing else.

    d_k = (a_k - b_k) / (a_k + b_k), 0 where neither has any      of characters, headers, …
    z_k = d_k / √(mean of d_k²)
    P(a ≻ b) = σ(s_a - s_b + Σ_k β_k z_k)                          (`aggregation.controlled`)

s are the strengths of the sources, so that what a source writes better is not put down to how long
it writes. z is not centred: which of two responses is called a means nothing. β_k is said as the
chance σ(β_k d / √(mean of d_k²)) of a difference d that can be pictured: twice as long is d = ⅓,
headers against none is d = 1. Its interval is that of β_k, cluster-robust by item.

Beside it stands the plain share: of the pairs on which the lengths differ by more than 30
characters, on how many the longer one is preferred, and whether a person's share is that of the
others (`shares.beside_the_others`).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from annotation.aggregation import controlled
from annotation.aggregation.controlled import Compared, Floats, Ints, NotTold
from annotation.aggregation.intervals import Z_95

FEATURES = ("length", "headers", "lists", "bold words")
PICTURED = np.array([1 / 3, 1.0, 1.0, 1.0])  # d: twice as long; some against none
LONGER_BY = 30  # characters
SAME = 1e-3  # of a feature, unexplained by the others: too little to go by
LEAST = 30  # items on which it differs, for a number


@dataclass(frozen=True)
class Effect:
    """Of one feature: the `chance` that the response with more of it is preferred, other things
    equal, and its 95 % interval; or None, and `why`. Over `n` comparisons that differ in it."""

    name: str
    n: int
    chance: float | None = None
    interval: tuple[float, float] | None = None
    why: str = ""

    @property
    def is_found(self) -> bool:
        """Whether the interval leaves one half out."""
        return self.interval is not None and not self.interval[0] <= 0.5 <= self.interval[1]


def differences(first: Ints, second: Ints) -> Floats:
    """d of counts (J, K) and (J, K)."""
    both = first + second
    return np.asarray((first - second) / np.maximum(both, 1), dtype=np.float64)


def level(d: Floats, count: Floats) -> Floats:
    """√(mean of d²) of each feature (K,), over `count` comparisons a row."""
    return np.asarray(np.sqrt(count @ d**2 / max(count.sum(), 1.0)))


def standardised(d: Floats, count: Floats) -> Floats:
    """z (J, K); without the features that never differ."""
    found = level(d, count)
    return np.asarray(d[:, found > 0] / found[found > 0])


def effects(said: Compared, d: Floats) -> list[Effect]:
    """What each feature does, from the differences (J, 4); `said.z` is not looked at."""
    n = [round(float(said.count[column != 0].sum())) for column in d.T]
    why = _reasons(d, said.item, said.count, said.won)
    used = [k for k, reason in enumerate(why) if not reason]
    if not used:
        return [Effect(name, n[k], why=why[k]) for k, name in enumerate(FEATURES)]
    try:
        told = replace(said, z=standardised(d[:, used], said.count))
        found = controlled.fit_bounded(told)
    except NotTold as reason:
        return [Effect(name, n[k], why=why[k] or str(reason)) for k, name in enumerate(FEATURES)]
    error = np.sqrt(np.diag(found.covariance)[said.size :])
    pictured = PICTURED[used] / level(d[:, used], said.count)
    middle, low, high = (expit((found.effects + z * error) * pictured) for z in (0.0, -Z_95, Z_95))
    chance = dict(zip(used, middle.tolist(), strict=True))
    interval = dict(zip(used, zip(low.tolist(), high.tolist(), strict=True), strict=True))
    return [
        Effect(name, n[k], chance.get(k), interval.get(k), why[k])
        for k, name in enumerate(FEATURES)
    ]


def usable(d: Floats, item: Ints, count: Floats, won: Floats) -> list[int]:
    """The features, by place, that have a number."""
    return [k for k, reason in enumerate(_reasons(d, item, count, won)) if not reason]


def _reasons(d: Floats, item: Ints, count: Floats, won: Floats) -> list[str]:
    """Why each feature has no number; "" where it has."""
    reasons: list[str] = []
    used: list[int] = []
    for k, column in enumerate(d.T):
        reason = _why_not(column, item, count, won)
        if not reason and _goes_with(d[:, used], column, count):
            reason = (
                "It goes with what stands above whenever it differs, so that it has no number of"
                " its own: theirs holds for both."
            )
        reasons.append(reason)
        used += [] if reason else [k]
    return reasons


def _goes_with(others: Floats, d: Floats, count: Floats) -> bool:
    """Whether the others (J, K) say what this one is (J,)."""
    if not others.shape[1]:
        return False
    root = np.sqrt(count)
    a, b = others * root[:, None], d * root
    # the normal equations: of a million rows few columns remain
    weights = np.linalg.lstsq(a.T @ a, a.T @ b, rcond=None)[0]
    return float(((b - a @ weights) ** 2).sum()) < SAME * float((b**2).sum())


def _why_not(d: Floats, item: Ints, count: Floats, won: Floats) -> str:
    """Why the feature has no number; "" where it has."""
    differs = d != 0
    n = float(count[differs].sum())
    if n == 0:
        return "No two responses that were compared differ in it."
    if n < LEAST or len(np.unique(item[differs])) < LEAST:
        return f"The responses differ in it on fewer than {LEAST} items, which is too few."
    more = float(np.where(d > 0, won, count - won)[differs].sum())
    if more in (0.0, n):
        side = "more" if more else "less"
        return f"Whenever it differs, the response with {side} of it is preferred: no number fits."
    return ""
