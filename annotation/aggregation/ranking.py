"""One ranking with ties out of preferences between pairs.

score_i = Σ_j w_ij p_ij / Σ_j w_ij   over the pairs that hold i: the share of them that it wins

Where every pair was compared equally often this is the Borda count divided by K - 1. The
preferences of one ranking give that ranking back, ties included. A circle of three comes out tied.
"""

from collections import defaultdict
from collections.abc import Iterable

from annotation.preferences import Preference

DIGITS = 9  # scores that differ by rounding alone are a tie


def ranking_of(preferences: Iterable[Preference]) -> list[list[int]]:
    """Groups of canonical indices, best first; responses that no pair names are in none."""
    won: defaultdict[int, float] = defaultdict(float)
    weight: defaultdict[int, float] = defaultdict(float)
    for preference in preferences:
        for response, p in ((preference.a, preference.p), (preference.b, 1.0 - preference.p)):
            won[response] += preference.weight * p
            weight[response] += preference.weight
    groups: defaultdict[float, list[int]] = defaultdict(list)
    for response in sorted(won):
        if weight[response] > 0:
            groups[round(won[response] / weight[response], DIGITS)].append(response)
    return [groups[score] for score in sorted(groups, reverse=True)]
