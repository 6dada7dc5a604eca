"""Several people's labels of single responses, merged to one label a response by majority.

g = Σ of the weights of those who called the response good, n = Σ of all weights
p = max(g, n - g) / n
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class MergedLabel:
    """What the majority says of a response; `is_good` is None where it is split evenly."""

    response: int
    is_good: bool | None
    p: float
    weight: float


def merge_labels(labels: Iterable[tuple[int, bool, float]]) -> list[MergedLabel]:
    """One label per response from (canonical index, is good, weight), in order of the index;
    labels of weight 0 are left out."""
    weights: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])  # bad, good
    for response, is_good, weight in labels:
        if weight > 0:
            weights[response][is_good] += weight
    merged = []
    for response, (bad, good) in sorted(weights.items()):
        majority = None if abs(good - bad) < 1e-9 else good > bad
        merged.append(MergedLabel(response, majority, max(good, bad) / (good + bad), good + bad))
    return merged
