"""What the bias page shows: what moves answers besides the responses, and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.http import Http404

from annotation.aggregation.consistency import Consistency
from annotation.answer_table import AnswerTable, Given
from annotation.bias import position
from annotation.bias.shares import Share
from annotation.comparisons import comparisons
from annotation.csv_text import Row, written
from annotation.kept_answers import kept_answers
from annotation.models import Project
from annotation.queries_retests import project_consistency
from annotation.queries_speed import Speed, speed_of
from annotation.queries_straight_lining import Line, StraightLining, straight_lining_of
from annotation.queries_style import Style, style_of
from annotation.queries_writing import StillReading, deadline
from annotation.task_types import TASK_TYPES
from annotation.wording import listed

MAX_SHOWN = 50  # people of a table, who stands out first; the file names all


@dataclass(frozen=True)
class Person:
    name: str
    pk: int
    share: Share


@dataclass(frozen=True)
class Repeater:
    name: str
    pk: int
    line: Line


@dataclass(frozen=True)
class BiasPage:
    """`reading` says how far the texts are read, where not all are: style and speed wait then."""

    position: Share
    people: list[Person]
    consistency: Consistency
    style: Style | None
    readers: list[Person]  # who prefers longer ones
    speed: Speed | None
    hurried: list[Person]
    straight_lining: StraightLining
    repeaters: list[Repeater]
    reading: str = ""
    max_shown: int = MAX_SHOWN

    @property
    def shown(self) -> str:
        """As a template slices."""
        return f":{self.max_shown}"

    @property
    def sentence(self) -> str:
        """What the figures of places mean, and what to do."""
        found = [each.name for each in self.people if each.share.is_found()]
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
            return (
                f"All in all the place does not matter, but it does to {listed(found)}: talk to"
                " them, and look at their answers."
            )
        return "Nothing shows that the place on the screen decides."

    @property
    def speed_sentence(self) -> str:
        names = [each.name for each in self.hurried if each.share.is_found()]
        return self.speed.sentence(names) if self.speed else self.reading

    @property
    def straight_lining_sentence(self) -> str:
        names = dict.fromkeys(each.name for each in self.repeaters if each.line.reasons)
        return self.straight_lining.sentence(list(names))


def bias_page(project: Project) -> BiasPage:
    table, until = kept_answers(project).table, deadline()
    names = _names(table)
    clicked = table.where(~np.isin(table.annotator, _elsewhere(names)))
    counts = _by_place(clicked)
    straight = straight_lining_of(clicked)
    style, speed, reading = None, None, ""
    try:
        style = style_of(project, table, comparisons(project, table), until)
        speed = speed_of(project, table, until)
    except StillReading as progress:
        reading = str(progress)
    return BiasPage(
        position=position.overall(counts),
        people=_people(names, position.by_person(counts)),
        consistency=project_consistency(project),
        style=style,
        readers=_people(names, style.people if style else {}),
        speed=speed,
        hurried=_people(names, speed.people if speed else {}),
        straight_lining=straight,
        repeaters=sorted(
            (Repeater(names[line.person], line.person, line) for line in straight.lines),
            key=lambda each: (not each.line.reasons, each.line.found.p, each.name),
        ),
        reading=reading,
    )


def _elsewhere(names: Mapping[int, str]) -> list[int]:
    """Whose answers were read in from a file that does not say in which order they saw the
    responses: places on a screen mean nothing of them. Our own raw export says it."""
    return [
        pk
        for pk, name in names.items()
        if name.startswith("imported_") and not name.startswith("imported_raw")
    ]


def _names(table: AnswerTable) -> dict[int, str]:
    people = np.unique(table.annotator).tolist()
    known = dict(User.objects.filter(pk__in=people).values_list("pk", "username"))
    return {pk: known.get(pk, "–") for pk in people}


def _people(names: Mapping[int, str], found: Mapping[int, Share]) -> list[Person]:
    """Who stands out first."""
    people = [Person(names[pk], pk, share) for pk, share in found.items()]
    return sorted(people, key=lambda each: (each.share.p, each.name))


def _by_place(table: AnswerTable) -> dict[int, tuple[int, int]]:
    """Of each person, on how many pairs the one shown first was preferred, of how many."""
    won = np.array([_places(given) for given in table.given], dtype=np.int64).reshape(-1, 2)
    people, who = np.unique(table.annotator, return_inverse=True)
    first = np.bincount(who, won[table.said, 0], minlength=len(people))
    pairs = np.bincount(who, won[table.said, 1], minlength=len(people))
    return {int(people[k]): (int(first[k]), int(pairs[k])) for k in np.flatnonzero(pairs)}


def _places(given: Given) -> tuple[int, int]:
    """On how many of the answer's pairs the response shown first is preferred, and of how many."""
    place = {response: at for at, response in enumerate(given.order)}
    first = n = 0
    for each in TASK_TYPES[given.task_type].preferences(given.answer, given.responses):
        (a, b), p = each.oriented()
        if p != 0.5:
            first, n = first + ((p > 0.5) == (place[a] < place[b])), n + 1
    return first, n


# --- as files -------------------------------------------------------------------------------------


def csv_of(project: Project, table: str) -> str:
    """A table of the page with everybody in it; Http404 where there is no such table."""
    tables = {
        "position": _position_rows,
        "style": _style_rows,
        "longer": _longer_rows,
        "speed": _speed_rows,
        "straight_lining": _straight_lining_rows,
    }
    if table not in tables:
        raise Http404("There is no such table.")
    return written(tables[table](bias_page(project)))


def _position_rows(page: BiasPage) -> Iterable[Row]:
    yield ["person", "first_preferred", "pairs", "share", "low", "high", "p_corrected"]
    yield from _shares(page.position, page.people)


def _style_rows(page: BiasPage) -> Iterable[Row]:
    yield ["feature", "preferred", "low", "high", "comparisons", "why_undefined"]
    for line in page.style.lines if page.style else []:
        each = line.effect
        yield [each.name, each.chance, *(each.interval or (None, None)), each.n, each.why]
    if page.reading:
        yield [page.reading]


def _longer_rows(page: BiasPage) -> Iterable[Row]:
    yield ["person", "longer_preferred", "pairs", "share", "low", "high", "p_corrected"]
    yield from _shares(page.style.longer, page.readers) if page.style else [[page.reading]]


def _speed_rows(page: BiasPage) -> Iterable[Row]:
    yield ["person", "too_fast", "answers", "share", "low", "high", "p_corrected"]
    yield from _shares(page.speed.all, page.hurried) if page.speed else [[page.reading]]


def _straight_lining_rows(page: BiasPage) -> Iterable[Row]:
    yield [
        *(
            "person",
            "kind",
            "answers",
            "most_frequent",
            "times",
            "share",
            "low",
            "high",
            "p_corrected",
        ),
        *("longest_run", "run_p_corrected", "flat", "rated", "flat_p_corrected", "stands_out"),
    ]
    for each in page.repeaters:
        found = each.line.found
        yield [
            *(
                each.name,
                each.line.kind,
                found.n,
                each.line.said,
                found.most,
                found.share,
                *found.interval,
            ),
            *(found.most_p, found.run, found.run_p, found.flat, found.rated, found.flat_p),
            each.line.reasons,
        ]


def _shares(of_all: Share, people: list[Person]) -> Iterable[Row]:
    for name, each in [("(all)", of_all), *((person.name, person.share) for person in people)]:
        yield [name, each.k, each.n, each.share, *(each.interval or (None, None)), each.p]
