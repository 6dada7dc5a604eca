"""What the bias page shows: whether places on the screen decide, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User

from annotation.aggregation.consistency import Consistency
from annotation.answer_table import AnswerTable, Given, answer_table
from annotation.bias import position
from annotation.bias.position import PositionBias
from annotation.csv_text import Row, written
from annotation.models import Project
from annotation.queries_retests import project_consistency
from annotation.task_types import TASK_TYPES


@dataclass(frozen=True)
class Person:
    name: str
    pk: int
    position: PositionBias


@dataclass(frozen=True)
class BiasPage:
    position: PositionBias
    people: list[Person]
    consistency: Consistency

    @property
    def sentence(self) -> str:
        """What the figures mean, and what to do."""
        found = [each.name for each in self.people if each.position.is_found()]
        if not self.position.n:
            return "Nobody has preferred one response to another yet."
        if self.position.is_found():
            side = "first" if (self.position.share or 0.0) > 0.5 else "last"
            return (
                f"The response shown {side} is preferred more often than chance explains. The order"
                " is drawn for each turn, so no source gains by it, but the answers say less than"
                " they could: have responses read one by one first, under Settings."
            )
        if found:
            people = ", ".join(found[:5]) + (" and others" if len(found) > 5 else "")
            return (
                f"All in all the place does not matter, but it does to {people}: talk to them, and"
                " look at their answers."
            )
        return "Nothing shows that the place on the screen decides."


def bias_page(project: Project) -> BiasPage:
    counts = _by_place(answer_table(project))
    names = dict(User.objects.filter(pk__in=list(counts)).values_list("pk", "username"))
    people = [
        Person(names.get(pk, "–"), pk, found) for pk, found in position.by_person(counts).items()
    ]
    return BiasPage(
        position=position.overall(counts),
        people=sorted(people, key=lambda each: (each.position.p, each.name)),
        consistency=project_consistency(project),
    )


def _by_place(table: AnswerTable) -> dict[int, tuple[int, int]]:
    """Of each person, on how many pairs the one shown first was preferred, and the other one."""
    won = np.array([_places(given) for given in table.given], dtype=np.int64).reshape(-1, 2)
    people, who = np.unique(table.annotator, return_inverse=True)
    first = np.bincount(who, won[table.said, 0], minlength=len(people))
    second = np.bincount(who, won[table.said, 1], minlength=len(people))
    return {
        int(people[k]): (int(first[k]), int(second[k]))
        for k in range(len(people))
        if first[k] + second[k]
    }


def _places(given: Given) -> tuple[int, int]:
    """On how many of the answer's pairs the response shown first is preferred, and the other."""
    place = {response: at for at, response in enumerate(given.order)}
    first = second = 0
    for each in TASK_TYPES[given.task_type].preferences(given.answer, given.responses):
        (a, b), p = each.oriented()
        if p != 0.5:
            is_first = (p > 0.5) == (place[a] < place[b])
            first, second = first + is_first, second + (not is_first)
    return first, second


# --- as a file ------------------------------------------------------------------------------------


def csv_of(project: Project) -> str:
    """Everybody's figures, and those of all together."""
    return written(_rows(bias_page(project)))


def _rows(page: BiasPage) -> Iterable[Row]:
    yield ["person", "first_preferred", "pairs", "share", "low", "high", "p_corrected"]
    for name, each in [("(all)", page.position), *((p.name, p.position) for p in page.people)]:
        yield [name, each.first, each.n, each.share, *(each.interval or (None, None)), each.p]
