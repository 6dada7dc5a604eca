"""What people can agree on in an answer, whatever its task type.

A `Measure` has a declared scale. An answer says, for some of what it is about (a pair of responses,
or one response), which value of a measure it gives: a `Judged`. Agreement compares the values that
several people gave about the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

from annotation.preferences import Preference

Value = int | str


@dataclass(frozen=True)
class Measure:
    """`metric` says how far two values of the scale lie apart: any two alike, or by their order."""

    name: str
    label: str
    scale: tuple[Value, ...]
    metric: Literal["nominal", "ordinal"] = "nominal"


class Judged(NamedTuple):
    """`about`: canonical indices, "0" of a response, "0-1" of a pair."""

    measure: str
    about: str
    value: Value


FIRST, EQUAL, SECOND, NEITHER = "first", "equal", "second", "neither"
DIRECTION = Measure("direction", "Which response is better", (FIRST, EQUAL, SECOND, NEITHER))


def directions(preferences: Iterable[Preference]) -> list[Judged]:
    """Which of each pair is preferred: so comparisons, rankings and ratings share one measure."""
    said = []
    for preference in preferences:
        (a, b), p = preference.oriented()
        value = EQUAL if p == 0.5 else FIRST if p > 0.5 else SECOND
        said.append(Judged(DIRECTION.name, f"{a}-{b}", value))
    return said


def neither(responses: int) -> list[Judged]:
    """Said of all pairs by who finds none better: both bad, not rankable."""
    pairs = combinations(range(responses), 2)
    return [Judged(DIRECTION.name, f"{a}-{b}", NEITHER) for a, b in pairs]
