"""What a strategy chooses from, and what it chooses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from random import Random

DRAWS = 200  # groups that are drawn at most from very many


@dataclass(frozen=True)
class Candidate:
    """A response to one prompt; `score` and its `std` are a reward model's, None without one."""

    response: int
    source: str
    text: str
    score: float | None = None
    std: float | None = None


@dataclass(frozen=True)
class Group:
    """K responses to ask about together; the greater the gain, the sooner."""

    members: tuple[Candidate, ...]
    gain: float = 0.0

    @property
    def reads_differently(self) -> bool:
        return len({member.text.strip() for member in self.members}) == len(self.members)


def drawn(candidates: Sequence[Candidate], k: int, draw: Random) -> Iterator[Group]:
    """Groups of K in random order: all of them, or DRAWS of very many."""
    if comb(len(candidates), k) <= DRAWS:
        groups = list(combinations(candidates, k))
        draw.shuffle(groups)
        yield from map(Group, groups)
        return
    for _ in range(DRAWS):
        yield Group(tuple(draw.sample(list(candidates), k)))


def scored(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that have a score, the best first."""
    known = [candidate for candidate in candidates if candidate.score is not None]
    return sorted(known, key=lambda candidate: (-(candidate.score or 0.0), candidate.response))


def gap(a: Candidate, b: Candidate) -> float:
    """How far apart the reward model sees two responses that it has scored."""
    return abs((a.score or 0.0) - (b.score or 0.0))
