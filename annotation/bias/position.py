"""Whether the place on the screen decides: how often the response shown first is preferred.

    share = first / (first + second)        of the pairs on which one response is preferred
    p     = exact two-sided binomial against ½, corrected for as many people by Holm:
            p_(i) ← max over j <= i of min(1, (m - j + 1) p_(j)),  p_(1) <= … <= p_(m)

The display order is drawn for each turn, so without a bias the share is ½ whatever the responses.
(S. Holm, Scandinavian Journal of Statistics 6, 1979.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annotation.aggregation.intervals import binomial_p, wilson

LABEL = "Position"


@dataclass(frozen=True)
class PositionBias:
    """Of `n` pairs, on how many the response shown first was preferred; `p` as corrected."""

    first: int
    n: int
    p: float

    @property
    def share(self) -> float | None:
        return self.first / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.first / self.n, self.n) if self.n else None

    def is_found(self, level: float = 0.05) -> bool:
        """Whether chance explains it no longer."""
        return self.p < level


def overall(counts: Mapping[int, tuple[int, int]]) -> PositionBias:
    """Of everybody together, from (first, second) by person."""
    first = sum(each for each, _ in counts.values())
    n = first + sum(each for _, each in counts.values())
    return PositionBias(first, n, binomial_p(first, n))


def by_person(counts: Mapping[int, tuple[int, int]]) -> dict[int, PositionBias]:
    """Of each person, corrected for how many people are looked at."""
    people = list(counts)
    corrected = holm([binomial_p(counts[each][0], sum(counts[each])) for each in people])
    return {
        each: PositionBias(counts[each][0], sum(counts[each]), p)
        for each, p in zip(people, corrected, strict=True)
    }


def holm(p_values: Sequence[float]) -> list[float]:
    """The p of each of several tests, as if it had been the only one."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected
