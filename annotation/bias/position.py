"""Whether the place on the screen decides: how often the response shown first is preferred.

    share = first / (first + second)        of the pairs on which one response is preferred
    p     = exact two-sided binomial against ½, corrected for as many people by Holm (`shares`)

The display order is drawn for each turn, so without a bias the share is ½ whatever the responses.
"""

from collections.abc import Mapping

from annotation.aggregation.intervals import binomial_p
from annotation.bias.shares import Share, corrected

LABEL = "Position"


def overall(counts: Mapping[int, tuple[int, int]]) -> Share:
    """Of everybody together, from (first, pairs) by person."""
    first, n = (sum(each[side] for each in counts.values()) for side in (0, 1))
    return Share(first, n, binomial_p(first, n))


def by_person(counts: Mapping[int, tuple[int, int]]) -> dict[int, Share]:
    """Of each person, corrected for how many people are looked at."""
    return corrected(counts, [binomial_p(first, n) for first, n in counts.values()])
