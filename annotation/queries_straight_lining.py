"""What the bias page says of people who give the same answer again and again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotation.answer_table import AnswerTable, Given
from annotation.bias import straight_lining
from annotation.task_types import TASK_TYPES, pairwise
from annotation.wording import listed

SAID_CHARS = 60
SEVERAL = 3  # ratings in one answer, to call it flat
NO_RATINGS, MIXED, FLAT = -1, 0, 1


@dataclass(frozen=True)
class Line:
    """A person's figures at one kind of question, and their most frequent answer in words; `kind`
    is named where there are several."""

    person: int
    found: straight_lining.Person
    said: str
    kind: str

    @property
    def reasons(self) -> str:
        return ", ".join(self.found.reasons)


@dataclass(frozen=True)
class StraightLining:
    lines: list[Line]
    answers: int

    @property
    def people(self) -> int:
        return len({line.person for line in self.lines})

    @property
    def found(self) -> int:
        """How many people stand out."""
        return len({line.person for line in self.lines if line.reasons})

    @property
    def has_ratings(self) -> bool:
        """Whether there are answers with several ratings."""
        return any(line.found.rated for line in self.lines)

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
    """Of all answers in the order in which each person gave them, one kind of question by itself:
    who is asked another one clicks something else."""
    shown = [_shown(given) for given in table.given]
    keys = [f"{fields}" for fields in map(sorted, (each.items() for each in shown))]
    words = {
        key: _words(given, fields)
        for key, given, fields in zip(keys, table.given, shown, strict=True)
    }
    names = list(words)
    place = {key: n for n, key in enumerate(names)}
    told = np.array([place[key] for key in keys], dtype=np.int64)
    flat = np.array([_is_flat(fields) for fields in shown], dtype=np.int64)
    kinds = sorted({given.task_type for given in table.given})
    kind = np.array([kinds.index(given.task_type) for given in table.given], dtype=np.int64)
    order = np.argsort(table.annotation)
    who, said = table.annotator[order], table.said[order]
    lines = []
    for n, name in enumerate(kinds):
        asked = kind[said] == n
        found = straight_lining.straight_lining(
            who[asked], told[said[asked]], flat[said[asked]], len(kinds)
        )
        label = TASK_TYPES[name].LABEL if len(kinds) > 1 else ""
        lines += [Line(pk, each, words[names[each.answer]], label) for pk, each in found.items()]
    return StraightLining(lines, len(table))


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
