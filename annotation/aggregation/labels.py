"""Several people's labels of single responses, merged to one label a response by majority.

p = max(g, n - g) / n   where g of n people called the response good
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class MergedLabel:
    """What the majority says of a response; `is_good` is None where the votes are split evenly."""

    response: int
    is_good: bool | None
    p: float
    votes: int


def merge_labels(labels: Iterable[tuple[int, bool]]) -> list[MergedLabel]:
    """One label per response from (canonical index, is good), in order of the index."""
    good, votes = Counter[int](), Counter[int]()
    for response, is_good in labels:
        votes[response] += 1
        good[response] += is_good
    merged = []
    for response in sorted(votes):
        n, g = votes[response], good[response]
        majority = None if 2 * g == n else 2 * g > n
        merged.append(MergedLabel(response, majority, max(g, n - g) / n, n))
    return merged
