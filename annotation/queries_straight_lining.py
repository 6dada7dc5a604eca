"""What the bias page says of people who give the same answer again and again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotation.answer_table import AnswerTable, Given
from annotation.arrays import Ints
from annotation.bias import straight_lining
from annotation.task_types import TASK_TYPES, pairwise
from annotation.wording import listed

SAID_CHARS = 60
SEVERAL = 3  # ratings in one answer, to call it flat
NO_RATINGS, MIXED, FLAT = -1, 0, 1


@dataclass(frozen=True)
class Line:
    """A person's figures, and their most frequent answer in words."""

    found: straight_lining.Person
    said: str

    @property
    def reasons(self) -> str:
        return ", ".join(self.found.reasons)


@dataclass(frozen=True)
class StraightLining:
    people: dict[int, Line]
    answers: int

    @property
    def found(self) -> list[int]:
        return [person for person, line in self.people.items() if line.found.reasons]

    @property
    def has_ratings(self) -> bool:
        """Whether there are answers with several ratings."""
        return any(line.found.rated for line in self.people.values())

    def sentence(self, names: list[str]) -> str:
        """What it means, and what to do; `names` are of those who stand out."""
        if not self.answers:
            return "Nobody has answered yet."
        if names:
            verb = "gives" if len(names) == 1 else "give"
            return (
                f"{listed(names)} {verb} the same answer more often, or longer in a row, than the"
                " others and chance explain. Look at these answers: a key held down, or a scale"
                " that was not understood."
            )
        return "Nobody gives the same answer again and again."


def straight_lining_of(table: AnswerTable) -> StraightLining:
    """Of all answers in the order in which each person gave them."""
    shown = [_shown(given) for given in table.given]
    words: list[str] = []
    place: dict[str, int] = {}
    told = np.zeros(len(shown), dtype=np.int64)
    for n, (given, fields) in enumerate(zip(table.given, shown, strict=True)):
        key = f"{given.task_type} {sorted(fields.items())}"
        told[n] = place.setdefault(key, len(place))
        if told[n] == len(words):
            words.append(_words(given, fields))
    flat = np.array([_is_flat(fields) for fields in shown], dtype=np.int64)
    order = np.argsort(table.annotation)
    said: Ints = table.said[order]
    found = straight_lining.straight_lining(table.annotator[order], told[said], flat[said])
    return StraightLining(
        people={person: Line(each, words[each.answer]) for person, each in found.items()},
        answers=len(table),
    )


def _shown(given: Given) -> dict[str, Any]:
    """What was clicked, as it was displayed."""
    return TASK_TYPES[given.task_type].to_display(given.answer, given.order)


def _is_flat(fields: Mapping[str, Any]) -> int:
    ratings = {name: each for name, each in fields.items() if name.startswith("rating_")}
    if len(ratings) < SEVERAL:
        return NO_RATINGS
    return FLAT if len(set(map(str, ratings.values()))) == 1 else MIXED


def _words(given: Given, fields: Mapping[str, Any]) -> str:
    """The answer as a person would name it, cut short."""
    if given.task_type == "pairwise":
        if given.answer["both_bad"]:
            return "Both are bad"
        scale = {"scale": given.answer.get("scale", pairwise.DEFAULT_SCALE)}
        stops = {stop.value: stop.words for stop in pairwise.stops_of(scale)}
        return stops[fields["strength"]]
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in fields.items())
    return said if len(said) <= SAID_CHARS else said[: SAID_CHARS - 1] + "…"
