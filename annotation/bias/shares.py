"""A person's share beside what is expected of it, and the p of many such at once.

    Holm  p_(i) ← max over j <= i of min(1, (m - j + 1) p_(j)),  p_(1) <= … <= p_(m)

(S. Holm, Scandinavian Journal of Statistics 6, 1979.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annotation.aggregation.intervals import fisher_p, wilson


@dataclass(frozen=True)
class Share:
    """`k` of `n`; `p` as corrected for how many people are looked at."""

    k: int
    n: int
    p: float

    @property
    def share(self) -> float | None:
        return self.k / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.k / self.n, self.n) if self.n else None

    def is_found(self, level: float = 0.05) -> bool:
        """Whether chance explains it no longer."""
        return self.p < level


def holm(p_values: Sequence[float]) -> list[float]:
    """The p of each of several tests, as if it had been the only one."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def corrected(counts: Mapping[int, tuple[int, int]], p_values: Sequence[float]) -> dict[int, Share]:
    """Of each person, from (k, n) by person and the p of each by itself."""
    return {
        person: Share(k, n, p)
        for (person, (k, n)), p in zip(counts.items(), holm(p_values), strict=True)
    }


def beside_the_others(counts: Mapping[int, tuple[int, int]]) -> dict[int, Share]:
    """Of each person, whether the share is that of all others (Fisher's exact test, two-sided)."""
    all_k, all_n = (sum(each[side] for each in counts.values()) for side in (0, 1))
    return corrected(counts, [fisher_p(k, n, all_k, all_n) for k, n in counts.values()])
