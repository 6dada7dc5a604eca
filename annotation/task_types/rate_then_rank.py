"""Each response rated by itself, then all of them ranked (InstructGPT, arXiv:2203.02155).

Stored: {"ratings": [6, 3, 6], "flags": [[], ["Unsafe or harmful"], []], "groups": [[0], [2], [1]]}:
ratings 1 … 7 and flags in canonical order, flags in the words that the annotator read, in the order
of the project's list; groups as in `ranking`.

The ranking says who is better; the ratings say how clearly. Where a is ranked above b, the pair has
the strength max(1, (rating a - rating b) / 2): 3 (much better) if the ratings lie six stops apart,
1 (slightly better) if they are close or say the contrary. A response rated 5 to 7 is good by
itself, one rated 1 to 3 is bad, 4 is neither.

`task_config` may hold "flags": [words], "allow_tie": false, "rationale": "required".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms

from annotation.fields import LinesField
from annotation.measures import DIRECTION, Judged, Measure
from annotation.preferences import Preference
from annotation.task_types import ranking
from annotation.task_types.contract import (
    Answer,
    AnswerInvalid,
    BaseAnswerForm,
    BaseSettingsForm,
    Unpaired,
    nothing,
)

LABEL = "Rate, then rank"
EXAMPLE = {"rating_0": "3", "rating_1": "6", "rating_2": "3"} | ranking.EXAMPLE
EXAMPLE_RESPONSES = ranking.EXAMPLE_RESPONSES
MIN_RESPONSES = ranking.MIN_RESPONSES
MAX_RESPONSES = ranking.MAX_RESPONSES

RATINGS: tuple[tuple[int, str], ...] = (
    (1, "Very bad"),
    (2, "Bad"),
    (3, "Rather bad"),
    (4, "Middling"),
    (5, "Rather good"),
    (6, "Good"),
    (7, "Very good"),
)
MIDDLE = 4

FLAGS: tuple[str, ...] = (
    "Fails to follow the instruction",
    "Untrue or made up",
    "Unsafe or harmful",
    "Inappropriate for an assistant",
    "Ignores a stated constraint",
    "Sexual content",
    "Violent content",
    "Gives harmful advice",
    "Denigrates a group of people",
)
MAX_FLAGS = 12  # each has a key
MAX_FLAG_CHARS = 60


class SettingsForm(BaseSettingsForm):
    flags = LinesField(
        max_lines=MAX_FLAGS,
        max_chars=MAX_FLAG_CHARS,
        initial=list(FLAGS),
        widget=forms.Textarea(attrs={"rows": 9, "dir": "auto"}),
        help_text="What annotators can say of each response beside its rating, one a line.",
    )
    allow_tie = forms.BooleanField(label="Responses can share a rank", required=False, initial=True)


def flags_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The flags of a project or an item."""
    return tuple(config.get("flags", FLAGS))


@dataclass(frozen=True)
class Line:
    """The fields about one displayed response."""

    letter: str
    rating: forms.BoundField
    flags: forms.BoundField


class AnswerForm(BaseAnswerForm):
    """A rating, any flags and a rank per displayed response."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        responses: int = EXAMPLE_RESPONSES,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, config=config, responses=responses, initial=initial)
        flags = [(flag, flag) for flag in flags_of(self.config)]
        for place in range(responses):
            name = f"Response {ranking.letter(place)}"
            self.fields[f"rating_{place}"] = forms.TypedChoiceField(
                label=f"Rating of {name}",
                choices=RATINGS,
                coerce=int,
                widget=forms.RadioSelect,
                error_messages={
                    "required": f"{name} has no rating yet: 1 (very bad) to 7 (very good).",
                    "invalid_choice": f"The rating of {name} is a whole number from 1 to 7.",
                },
            )
            self.fields[f"flags_{place}"] = forms.MultipleChoiceField(
                label=f"Flags of {name}",
                choices=flags,
                required=False,
                widget=forms.CheckboxSelectMultiple,
                error_messages={"invalid_choice": "%(value)s is not a flag of this project."},
            )
        for place in range(responses):
            self.fields[f"rank_{place}"] = ranking.rank_field(place, responses)
        self.order_fields([*(name for name in self.fields if name != "rationale"), "rationale"])

    @property
    def lines(self) -> list[Line]:
        return [
            Line(ranking.letter(place), self[f"rating_{place}"], self[f"flags_{place}"])
            for place in range(self.responses)
        ]

    @property
    def rank_fields(self) -> list[forms.BoundField]:
        return [self[f"rank_{place}"] for place in range(self.responses)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        for name, sentence in ranking.missing_ranks(cleaned, self.responses).items():
            self.add_error(name, sentence)
        if not self.errors:
            try:
                check(to_canonical(cleaned, range(self.responses)), self.responses, self.config)
            except AnswerInvalid as refusal:
                self.add_error(None, refusal.message)
        return cleaned


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    places = {canonical: place for place, canonical in enumerate(display_order)}
    shown = [places[canonical] for canonical in range(len(display_order))]
    return {
        "ratings": [cleaned[f"rating_{place}"] for place in shown],
        "flags": [list(cleaned[f"flags_{place}"]) for place in shown],
        "groups": ranking.groups_of(cleaned, display_order),
    }


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    shown: dict[str, Any] = dict(ranking.ranks_of(answer["groups"], display_order))
    for place, canonical in enumerate(display_order):
        shown[f"rating_{place}"] = answer["ratings"][canonical]
        shown[f"flags_{place}"] = answer["flags"][canonical]
    return shown


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    if set(answer) != {"ratings", "flags", "groups"}:
        raise AnswerInvalid("groups", "An answer holds ratings, flags and groups, nothing else.")
    ratings = answer["ratings"]
    if not isinstance(ratings, list) or len(ratings) != responses:
        raise AnswerInvalid("ratings", f"ratings has one rating for each of {responses} responses.")
    if not all(type(rating) is int and 1 <= rating <= 7 for rating in ratings):
        raise AnswerInvalid("ratings", "A rating is a whole number from 1 to 7.")
    return {
        "ratings": ratings,
        "flags": _check_flags(answer["flags"], responses, flags_of(config)),
        "groups": ranking.check_groups(answer["groups"], responses, config),
    }


def _check_flags(flags: Any, responses: int, known: Sequence[str]) -> list[list[str]]:
    if not isinstance(flags, list) or len(flags) != responses:
        raise AnswerInvalid("flags", f"flags has one list for each of {responses} responses.")
    for each in flags:
        if not isinstance(each, list) or not all(isinstance(flag, str) for flag in each):
            raise AnswerInvalid("flags", "The flags of a response are a list of words.")
        if unknown := [flag for flag in each if flag not in known]:
            raise AnswerInvalid("flags", f"{unknown[0][:100]} is not a flag of this project.")
    return [[flag for flag in known if flag in each] for each in flags]


def preferences(answer: Answer, responses: int) -> list[Preference]:
    ratings: list[int] = answer["ratings"]

    def strength(pair: Preference) -> float:
        if pair.p == 0.5:
            return 0.0
        ahead = (ratings[pair.a] - ratings[pair.b]) * (1 if pair.p > 0.5 else -1)
        return max(1.0, ahead / 2)

    pairs = ranking.preferences(answer, responses)
    return [replace(pair, strength=strength(pair)) for pair in pairs]


def unpaired(answer: Answer, responses: int) -> list[Unpaired]:
    return [
        Unpaired(response=index, is_good=rating > MIDDLE)
        for index, rating in enumerate(answer["ratings"])
        if rating != MIDDLE
    ]


demonstrations = nothing


def agreement_label(answer: Answer) -> str:
    """The order alone, so that it can be compared with plain rankings."""
    return ranking.agreement_label(answer)


def measures(config: Mapping[str, Any]) -> list[Measure]:
    return [DIRECTION, Measure("rating", "Rating", tuple(stop for stop, _ in RATINGS), "ordinal")]


def judged(answer: Answer, responses: int) -> list[Judged]:
    ratings = enumerate(answer["ratings"])
    said = [Judged("rating", str(response), rating) for response, rating in ratings]
    return ranking.judged(answer, responses) + said
