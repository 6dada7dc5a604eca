"""What the bias page says of length and style."""

from dataclasses import dataclass

import numpy as np

from annotation.aggregation.controlled import Compared, Ints
from annotation.answer_table import AnswerTable
from annotation.bias import position, shares, style
from annotation.bias.shares import Share
from annotation.bias.style import Effect
from annotation.bias.writing import Written
from annotation.comparisons import Comparisons
from annotation.models import Project
from annotation.queries_writing import of_responses

COUNTED = [Written._fields.index(name) for name in ("characters", "headers", "entries", "bold")]
PICTURES = {
    "length": "A response twice as long",
    "headers": "One with headers beside one without",
    "lists": "One with a list beside one without",
    "bold words": "One with bold words beside one without",
}


@dataclass(frozen=True)
class Line:
    """One feature: what is pictured, and what it does."""

    picture: str
    effect: Effect

    @property
    def says(self) -> str:
        """In a few words."""
        if self.effect.why:
            return self.effect.why
        if not self.effect.is_found:
            return "It may be chance: one half lies in the interval."
        side = "more" if (self.effect.chance or 0.0) > 0.5 else "less"
        return f"The one with {side} of it is preferred."


@dataclass(frozen=True)
class Style:
    """`longer` is how often the longer one is preferred, where the lengths differ."""

    longer: Share
    lines: list[Line]
    people: dict[int, Share]

    @property
    def has_differences(self) -> bool:
        return any(line.effect.n for line in self.lines)

    @property
    def sentence(self) -> str:
        """What the figures mean, and what to do."""
        found = [line for line in self.lines if line.effect.is_found]
        if not self.has_differences:
            return "No two responses that differ in length or style have been compared yet."
        if not any(line.effect.chance is not None for line in self.lines):
            return "There is too little yet to tell what length and style do by themselves."
        if not found:
            return "Nothing shows that length or style decides where the responses are as good."
        said = " ".join(_sentence(line) for line in found)
        return (
            f"{said} It may be what people value. If it is not, say in the guideline what a good"
            " response looks like, and read the leaderboard as if all wrote alike."
        )


def _sentence(line: Line) -> str:
    chance = line.effect.chance or 0.0
    return f"{line.picture} is preferred {chance:.0%}".replace("%", "\u00a0%") + " of the time."


def style_of(project: Project, table: AnswerTable, said: Comparisons, until: float) -> Style:
    """Of all comparisons; StillReading where the texts are not all read by then."""
    first, second = counts_of(project, said.first, said.second, until)
    apart = first[:, 0] - second[:, 0]
    differs = np.abs(apart) > style.LONGER_BY
    # of each judgement: whether the longer one was preferred
    told = differs[said.pair] & (said.said != 0.5)
    longer = (apart[said.pair] > 0) == (said.said > 0.5)
    people, who = np.unique(table.annotator[said.row[told]], return_inverse=True)
    k = np.bincount(who, longer[told], minlength=len(people)).astype(np.int64).tolist()
    n = np.bincount(who, minlength=len(people)).tolist()
    by_person = dict(zip(people.tolist(), zip(k, n, strict=True), strict=True))
    found = style.effects(compared(said), style.differences(first, second))
    return Style(
        longer=position.overall(by_person),
        lines=[Line(PICTURES[each.name], each) for each in found],
        people=shares.beside_the_others(by_person),
    )


def counts_of(project: Project, first: Ints, second: Ints, until: float) -> tuple[Ints, Ints]:
    """Characters, headers, list entries and bold spans of both (J, 4)."""
    counts = of_responses(project, np.concatenate([first, second]), until)[:, COUNTED]
    return counts[: len(first)], counts[len(first) :]


def compared(said: Comparisons) -> Compared:
    """The comparisons as `controlled` takes them, without anything that tells them apart."""
    sources, place = np.unique(
        np.concatenate([said.first_source, said.second_source]), return_inverse=True
    )
    return Compared(
        item=said.item,
        first=place[: len(said)],
        second=place[len(said) :],
        count=said.count,
        won=said.won,
        z=np.zeros((len(said), 0)),
        size=len(sources),
    )
