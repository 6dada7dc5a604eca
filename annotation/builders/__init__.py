"""One module per way to choose what is asked; listed here, and covered by the contract test.

A strategy is a module with `LABEL`, `NEEDS_SCORES` and `groups(candidates, k, draw)`: the groups of
K responses to one prompt that it would ask about, the best first, each with its gain. Gains are
compared between prompts; the greatest are asked. The file name is written on the item as its arm.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Protocol

from annotation.builders import (
    hard_negatives,
    random,
    same_policy,
    several_sources,
    uncertainty,
)
from annotation.builders.candidates import Candidate, Group

__all__ = ["CONTROL", "STRATEGIES", "Strategy"]


class Strategy(Protocol):
    @property
    def LABEL(self) -> str: ...  # noqa: N802

    @property
    def NEEDS_SCORES(self) -> bool: ...  # noqa: N802

    def groups(self, candidates: Sequence[Candidate], k: int, draw: Random) -> Iterator[Group]: ...


CONTROL = "random"  # the arm that every other one is compared with

STRATEGIES: dict[str, Strategy] = {
    "random": random,
    "same_policy": same_policy,
    "several_sources": several_sources,
    "hard_negatives": hard_negatives,
    "uncertainty": uncertainty,
}
