"""Where the reward model cannot decide: a margin near zero, or an ensemble at odds.

For two responses whose scores are normal with the ensemble's spread σ,

m = |r_a - r_b| / √(1 + π (σ_a² + σ_b²) / 8),   P(the higher one is preferred) ≈ sigmoid(m)

(MacKay 1992, "The Evidence Framework Applied to Classification Networks", the moderated output).
gain = -(mean of m over the pairs of the group)
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import pi, sqrt
from random import Random

from annotation.builders.candidates import Candidate, Group, gap, scored

LABEL = "Where the reward model is undecided"
NEEDS_SCORES = True


def groups(candidates: Sequence[Candidate], k: int, draw: Random) -> Iterator[Group]:
    """All pairs where K is 2; else the K that stand next to each other in order of score."""
    ranked = scored(candidates)
    chosen: Iterable[Sequence[Candidate]] = combinations(ranked, 2)
    if k != 2:
        chosen = [ranked[start : start + k] for start in range(len(ranked) - k + 1)]
    found = [Group(tuple(members), gain=-_mean_margin(members)) for members in chosen]
    yield from sorted(found, key=lambda group: -group.gain)


def _mean_margin(members: Sequence[Candidate]) -> float:
    margins = [margin(a, b) for a, b in combinations(members, 2)]
    return sum(margins) / len(margins) if margins else 0.0


def margin(a: Candidate, b: Candidate) -> float:
    """How decided the reward model is between the two; 0 is not at all."""
    spread = (a.std or 0.0) ** 2 + (b.std or 0.0) ** 2
    return gap(a, b) / sqrt(1.0 + pi * spread / 8.0)
