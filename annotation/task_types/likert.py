"""Each response rated on a scale, attribute by attribute; “can’t judge” is an answer too.

Stored: {"stops": 5, "ratings": [{"helpful": 4, "honest": null, …}, …]}, the ratings of each
response in canonical order; 1 is the lowest stop, null says that it can't be judged. The number of
stops is kept with the answer, because a rating means nothing without its scale.

`task_config` may hold
    "attributes": [{"name": "helpful", "label": "Helpful", "question": "…" or ""}, …]
    "stops": 2 … 10
    "words": one a stop from the lowest up, "" for a stop without; [] for none at all
    "rationale": "required"
On every attribute a higher stop is better.

For responses a and b, with J the attributes judged on both and m the mean rating over J:
    p        = 1 if m(a) > m(b), 0 if m(a) < m(b), ½ if they are equal; no pair where J is empty
    strength = 3 |m(a) - m(b)| / (stops - 1), so 0 … 3 as for pairwise answers
    weight   = 1 / C(K, 2)
A response is called good when every attribute judged on it lies above the middle of the scale, and
bad when every one lies below; else nothing is said about it alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

from django import forms

from annotation import scales
from annotation.measures import DIRECTION, Judged, Measure, directions
from annotation.preferences import Preference
from annotation.scales import MAX_STOPS, MIN_STOPS, ScaleInvalid, scale_of
from annotation.task_types.contract import (
    Answer,
    AnswerInvalid,
    BaseAnswerForm,
    BaseSettingsForm,
    Unpaired,
    nothing,
)

LABEL = "Ratings by attribute"
EXAMPLE = {
    "rating_0_helpful": "4",
    "rating_0_honest": "5",
    "rating_0_harmless": "none",
    "rating_1_helpful": "2",
    "rating_1_honest": "5",
    "rating_1_harmless": "5",
}
EXAMPLE_RESPONSES = 2
MIN_RESPONSES = 1
MAX_RESPONSES = 9

CANNOT_JUDGE = "none"  # what the form sends for it


class SettingsForm(BaseSettingsForm):
    attributes = forms.CharField(
        label="What is rated",
        max_length=10_000,
        strip=False,
        initial=scales.attribute_lines(scales.DEFAULT.attributes),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=(
            "One attribute a line: its name, then perhaps a colon and a question."
            " Word each so that a higher stop is better."
        ),
    )
    stops = forms.IntegerField(
        label="Stops of the scale",
        initial=scales.DEFAULT.stops,
        min_value=MIN_STOPS,
        max_value=MAX_STOPS,
        error_messages={
            "min_value": f"A scale has {MIN_STOPS} to {MAX_STOPS} stops.",
            "max_value": f"A scale has {MIN_STOPS} to {MAX_STOPS} stops.",
        },
    )
    words = forms.CharField(
        label="Words of the stops",
        required=False,
        max_length=1_000,
        strip=False,
        initial=scales.word_lines(scales.DEFAULT.words),
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="One line a stop, from the lowest up; a blank line for a stop without words.",
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(data, prefix=prefix)
        scale = scale_of(config or {})
        self.initial = {
            "attributes": scales.attribute_lines(scale.attributes),
            "stops": scale.stops,
            "words": scales.word_lines(scale.words),
        }

    def clean_attributes(self) -> tuple[scales.Attribute, ...]:
        try:
            return scales.read_attributes(self.cleaned_data["attributes"])
        except ScaleInvalid as refusal:
            raise forms.ValidationError(str(refusal)) from None

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "stops" in cleaned and "words" in cleaned:
            try:
                cleaned["words"] = scales.read_words(cleaned["words"], cleaned["stops"])
            except ScaleInvalid as refusal:
                self.add_error("words", str(refusal))
        return cleaned

    def to_config(self) -> dict[str, Any]:
        return scales.as_config(scales.Scale(**self.cleaned_data))


@dataclass(frozen=True)
class Stop:
    value: int
    words: str
    key: str
    is_chosen: bool


@dataclass(frozen=True)
class Row:
    """One attribute of one response, as the screen shows it; `name` is the form's field."""

    name: str
    label: str
    question: str
    stops: tuple[Stop, ...]
    cannot_judge: bool


class AnswerForm(BaseAnswerForm):
    """A field rating_PLACE_ATTRIBUTE for each row: a stop, or `none` for “can’t judge”.

    `stops` may say what scale was shown; an answer on another one than the project's is refused.
    """

    stops = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        responses: int = EXAMPLE_RESPONSES,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, config=config, responses=responses, initial=initial)
        self.scale = scale_of(self.config)
        choices = [(str(stop), str(stop)) for stop in range(1, self.scale.stops + 1)]
        for place, attribute in self._rows():
            what = f"{attribute.label} of response {_letter(place)}"
            self.fields[_field(place, attribute.name)] = forms.TypedChoiceField(
                label=what,
                choices=[*choices, (CANNOT_JUDGE, "Can’t judge")],
                coerce=lambda value: None if value == CANNOT_JUDGE else int(value),
                empty_value=None,
                widget=forms.RadioSelect,
                error_messages={
                    "required": f"{what} is not rated; choose a stop, or that you can’t judge it.",
                    "invalid_choice": f"{what}: choose a stop from 1 to {self.scale.stops}.",
                },
            )
        self.order_fields([name for name in self.fields if name != "rationale"])

    def _rows(self) -> Iterator[tuple[int, scales.Attribute]]:
        for place in range(self.responses):
            for attribute in self.scale.attributes:
                yield place, attribute

    @property
    def groups(self) -> list[tuple[str, list[Row]]]:
        """The letter of each response with its rows."""
        groups: dict[str, list[Row]] = {}
        for place, attribute in self._rows():
            groups.setdefault(_letter(place), []).append(self._row(place, attribute))
        return list(groups.items())

    def _row(self, place: int, attribute: scales.Attribute) -> Row:
        name = _field(place, attribute.name)
        value = str(self[name].value())
        stops = enumerate(self.scale.words, start=1)
        return Row(
            name=name,
            label=attribute.label,
            question=attribute.question,
            stops=tuple(Stop(n, words, str(n % 10), value == str(n)) for n, words in stops),
            cannot_judge=value == CANNOT_JUDGE,
        )

    def clean_stops(self) -> None:
        if self.cleaned_data["stops"] not in (None, self.scale.stops):
            raise forms.ValidationError(
                "The scale was changed while you had this item. Load the page again."
            )

    def clean(self) -> dict[str, Any]:
        """What was chosen, by place, and the scale it was chosen on."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        cleaned["stops"] = self.scale.stops
        cleaned["ratings"] = [
            {a.name: cleaned[_field(place, a.name)] for a in self.scale.attributes}
            for place in range(self.responses)
        ]
        try:
            check(
                {"stops": cleaned["stops"], "ratings": cleaned["ratings"]},
                self.responses,
                self.config,
            )
        except AnswerInvalid as refusal:
            self.add_error(None, refusal.message)
        return cleaned


def _field(place: int, name: str) -> str:
    return f"rating_{place}_{name}"


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    by_response = dict(zip(display_order, cleaned["ratings"], strict=True))
    return {
        "stops": cleaned["stops"],
        "ratings": [dict(by_response[index]) for index in range(len(display_order))],
    }


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    return {
        _field(place, name): CANNOT_JUDGE if rating is None else rating
        for place, index in enumerate(display_order)
        for name, rating in answer["ratings"][index].items()
    }


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    scale, ratings = scale_of(config), answer.get("ratings")
    if set(answer) != {"stops", "ratings"} or not isinstance(ratings, list):
        raise AnswerInvalid("ratings", "An answer holds stops and ratings, one a response.")
    if answer["stops"] != scale.stops:
        raise AnswerInvalid("stops", f"The scale of this project has {scale.stops} stops.")
    if len(ratings) != responses:
        raise AnswerInvalid("ratings", f"There are {responses} responses to rate.")
    names = [attribute.name for attribute in scale.attributes]
    for rated in ratings:
        if not isinstance(rated, dict) or set(rated) != set(names):
            raise AnswerInvalid("ratings", f"Every response is rated on {', '.join(names)}.")
        for name, rating in rated.items():
            whole = isinstance(rating, int) and not isinstance(rating, bool)
            if rating is not None and not (whole and 1 <= rating <= scale.stops):
                raise AnswerInvalid("ratings", f"{name} is 1 to {scale.stops}, or null.")
    if not any(judged for rated in ratings for judged in _judged(rated)):
        raise AnswerInvalid("ratings", "Nothing can be judged here? Then skip the item.")
    return {
        "stops": scale.stops,
        "ratings": [{name: rated[name] for name in names} for rated in ratings],
    }


def _judged(rated: Mapping[str, int | None]) -> list[int]:
    return [rating for rating in rated.values() if rating is not None]


def preferences(answer: Answer, responses: int) -> list[Preference]:
    pairs = []
    for a, b in combinations(range(responses), 2):
        first, second = answer["ratings"][a], answer["ratings"][b]
        both = [n for n in first if first[n] is not None and second.get(n) is not None]
        if not both:
            continue
        # Sums of whole numbers: equal means are equal, without rounding.
        lead = sum(first[name] - second[name] for name in both)
        pairs.append(
            Preference(
                a=a,
                b=b,
                p=0.5 if lead == 0 else float(lead > 0),
                strength=3 * abs(lead) / (len(both) * (answer["stops"] - 1)),
                weight=1 / comb(responses, 2),
            )
        )
    return pairs


def unpaired(answer: Answer, responses: int) -> list[Unpaired]:
    middle = (answer["stops"] + 1) / 2
    said = []
    for index, rated in enumerate(answer["ratings"]):
        judged = _judged(rated)
        if judged and all(rating > middle for rating in judged):
            said.append(Unpaired(index, is_good=True))
        elif judged and all(rating < middle for rating in judged):
            said.append(Unpaired(index, is_good=False))
    return said


demonstrations = nothing


def agreement_label(answer: Answer) -> str:
    """The direction of every pair, "0>1 0=2 2>1"; of a single response, what it is called alone."""
    responses = len(answer["ratings"])
    if responses == 1:
        said = unpaired(answer, 1)
        return "mixed" if not said else "good" if said[0].is_good else "bad"
    signs = {1.0: ">", 0.5: "=", 0.0: "<"}
    return " ".join(f"{p.a}{signs[p.p]}{p.b}" for p in preferences(answer, responses)) or "unclear"


def measures(config: Mapping[str, Any]) -> list[Measure]:
    """Each attribute, and the direction that the mean rating gives to a pair."""
    scale = scale_of(config)
    stops = tuple(range(1, scale.stops + 1))
    rated = [
        Measure(f"{attribute.name}_{scale.stops}", attribute.label, stops, "ordinal")
        for attribute in scale.attributes
    ]
    return [*rated, DIRECTION]


def judged(answer: Answer, responses: int) -> list[Judged]:
    """Who can't judge says nothing."""
    said = [
        Judged(f"{name}_{answer['stops']}", str(response), rating)
        for response, ratings in enumerate(answer["ratings"])
        for name, rating in ratings.items()
        if rating is not None
    ]
    return said + directions(preferences(answer, responses))
