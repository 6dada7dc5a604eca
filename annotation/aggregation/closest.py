"""One rating out of several: the mean of those that lie closest together, as HelpSteer2 does.

    of all k of the ratings, those with the least Σ (x - mean)²; their mean, rounded half up

One outlier among five does not move it. (Wang et al. 2024, HelpSteer2, section 2: k = 3.)
"""

from collections.abc import Sequence
from math import floor

KEPT = 3


def closest(ratings: Sequence[float], kept: int = KEPT) -> list[float]:
    """The `kept` ratings that lie closest together, falling; of two such groups the higher one."""
    if len(ratings) < kept:
        raise ValueError(f"{kept} ratings are needed, not {len(ratings)}")
    falling = sorted(ratings, reverse=True)
    groups = [falling[first : first + kept] for first in range(len(falling) - kept + 1)]
    return min(groups, key=_spread)


def consensus(ratings: Sequence[float], kept: int = KEPT) -> tuple[float, int]:
    """Their mean, and that rounded to a stop of the scale."""
    group = closest(ratings, kept)
    mean = sum(group) / len(group)
    return mean, floor(mean + 0.5)


def _spread(group: Sequence[float]) -> float:
    mean = sum(group) / len(group)
    return round(sum((each - mean) ** 2 for each in group), 9)
