"""How much the answers to one item disagree, whatever the task type.

    D = 2 / (n (n - 1)) · Σ_{x < y} d(x, y)      the chance that two of the n people differ

d lies between 0 and 1 and compares what two answers say about the responses:

    both prefer   mean over the pairs that either names: |p_x - p_y|; 1/2 where only one names it
    one prefers   1 (better against "both bad" is no small difference)
    none prefers  mean over the responses that either calls good or bad: 1 where they differ, 1/2
                  where only one calls it anything; where none is called anything, 1 if the
                  agreement labels differ

How strongly something is preferred does not count: who differs in that alone agrees.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from annotation.preferences import Preference


@dataclass(frozen=True)
class Said:
    """One answer: p for each pair of responses (a < b), 1 or 0 for each response called good or
    bad, and its agreement label."""

    prefers: Mapping[tuple[int, int], float]
    calls: Mapping[int, float]
    label: str


def said(preferences: Iterable[Preference], calls: Iterable[tuple[int, bool]], label: str) -> Said:
    """What an answer says, brought to pairs a < b."""
    prefers = dict(preference.oriented() for preference in preferences)
    return Said(prefers, {response: float(is_good) for response, is_good in calls}, label)


def disagreement(answers: Sequence[Said]) -> float:
    """D of these answers, between 0 and 1; 0 where fewer than two people answered."""
    pairs = list(combinations(answers, 2))
    return sum(_distance(x, y) for x, y in pairs) / len(pairs) if pairs else 0.0


def _distance(x: Said, y: Said) -> float:
    if x.prefers and y.prefers:
        return _mean(x.prefers, y.prefers)
    if x.prefers or y.prefers:
        return 1.0
    if x.calls or y.calls:
        return _mean(x.calls, y.calls)
    return float(x.label != y.label)


def _mean(x: Mapping[Any, float], y: Mapping[Any, float]) -> float:
    names = x.keys() | y.keys()
    return sum(abs(x[n] - y[n]) if n in x and n in y else 0.5 for n in names) / len(names)
