"""Two responses side by side: which is better, and how clearly?

Stored: {"strength": -3 … 3, "both_bad": bool}; positive means that canonical response 0 is
better. "Both bad" is a judgement of its own: it has strength 0 and implies no preference. Only
where the project asks for it, an answer also holds

    "scale"       2, 4, 5, 8 or 9: the number of stops that `strength` was chosen from, where it
                  was not seven. So an answer keeps its meaning when the setting is changed.
    "dimensions"  {"honesty": 1 | 0 | -1, …}: which response is better in one respect, 0 for equal
    "reasons"     ["better written", …]: which of the project's reasons hold, in its order

`task_config` may hold "scale", "words" (on the stops, from left to right), "allow_tie": false,
"allow_both_bad": false, "dimensions" and "reasons" (lists of names), "dimensions_required": true,
"rationale": "required".

The strength of a preference is comparable across scales: it follows what the words say, 3 much
better, 2 better, 1 slightly better, ½ negligibly better, 0 equal. `SCALES` maps the stops to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from django import forms

from annotation.fields import LinesField
from annotation.measures import DIRECTION, Judged, Measure, directions, neither
from annotation.preferences import Preference
from annotation.task_types.contract import (
    Answer,
    AnswerInvalid,
    BaseAnswerForm,
    BaseSettingsForm,
    Unpaired,
    nothing,
)

LABEL = "Pairwise comparison"
EXAMPLE = {"strength": "2", "rationale": "A answers the question."}
EXAMPLE_RESPONSES = MIN_RESPONSES = MAX_RESPONSES = 2

# Keys that no other part of the screen uses, printed on what they do.
DIMENSION_KEYS = "qwetyi"
REASON_KEYS = "zxnmjklpoa"
DIMENSION = "dimension_"


@dataclass(frozen=True)
class Scale:
    """`levels` are the stops of one side, least clear first: words, and a preference's strength."""

    label: str
    count: str
    levels: tuple[tuple[str, float], ...]
    has_tie: bool

    @property
    def most(self) -> int:
        return len(self.levels)


DEFAULT_SCALE = 7
_TWO = (("slightly better", 1.0), ("much better", 3.0))
_FOUR = (
    ("negligibly better, or unsure", 0.5),
    ("slightly better", 1.0),
    ("better", 2.0),
    ("significantly better", 3.0),
)
SCALES = {
    # Who says only which one, says "better": as a file does that is read in.
    2: Scale("2 stops: A or B", "two", (("better", 2.0),), has_tie=False),
    4: Scale("4 stops: two a side, no tie", "four", _TWO, has_tie=False),
    5: Scale("5 stops, −2 … 2: two a side and a tie", "five", _TWO, has_tie=True),
    7: Scale(
        "7 stops, −3 … 3: three a side and a tie",
        "seven",
        (("slightly better", 1.0), ("better", 2.0), ("much better", 3.0)),
        has_tie=True,
    ),
    8: Scale("8 stops: four a side, no tie", "eight", _FOUR, has_tie=False),
    9: Scale(
        "9 stops, −4 … 4: four a side and a tie",
        "nine",
        (("negligibly better", 0.5), *_FOUR[1:]),
        has_tie=True,
    ),
}


@dataclass(frozen=True)
class Stop:
    """One choice of the scale as displayed: positive for A, on the left."""

    value: int
    words: str

    @property
    def side(self) -> str:
        return "tie" if self.value == 0 else "a" if self.value > 0 else "b"

    @property
    def short(self) -> str:
        return "=" if self.value == 0 else self.side.upper()

    @property
    def marks(self) -> str:
        return "+" * (abs(self.value) - 1)


def stops_of(config: Mapping[str, Any]) -> tuple[Stop, ...]:
    """In display order from left to right; stop i stands on key i + 1."""
    scale = SCALES[config.get("scale", DEFAULT_SCALE)]
    values = [v for v in range(scale.most, -scale.most - 1, -1) if v != 0 or scale.has_tie]
    words = config.get("words") or []
    if len(words) != len(values):
        words = [_words(scale, value) for value in values]
    return tuple(Stop(value, said) for value, said in zip(values, words, strict=True))


def _words(scale: Scale, value: int) -> str:
    if value == 0:
        return "About equal"
    return f"{'A' if value > 0 else 'B'} is {scale.levels[abs(value) - 1][0]}"


STOPS = tuple((stop.value, stop.words) for stop in stops_of({}))


class SettingsForm(BaseSettingsForm):
    scale = forms.TypedChoiceField(
        choices=[(number, scale.label) for number, scale in SCALES.items()],
        coerce=int,
        required=False,
        empty_value=None,
        initial=DEFAULT_SCALE,
    )
    words = LinesField(
        label="Words on the stops",
        help_text="One per line, from A’s best to B’s best. Empty: the usual words.",
        max_lines=9,
        max_chars=60,
    )
    allow_tie = forms.BooleanField(
        label="“About equal” can be chosen",
        help_text="On a scale that has it.",
        required=False,
        initial=True,
    )
    allow_both_bad = forms.BooleanField(
        label="“Both are bad” can be chosen", required=False, initial=True
    )
    dimensions = LinesField(
        help_text="One per line, such as helpfulness: a small choice for each, beside the overall"
        " one.",
        max_lines=len(DIMENSION_KEYS),
        max_chars=40,
    )
    dimensions_required = forms.BooleanField(
        label="Every dimension has to be judged", required=False, initial=False
    )
    reasons = LinesField(
        help_text="One per line, such as more accurate: each can be ticked with a key.",
        max_lines=len(REASON_KEYS),
        max_chars=60,
    )

    def clean_scale(self) -> int:
        return self.cleaned_data["scale"] or DEFAULT_SCALE

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        words, scale = cleaned.get("words"), cleaned.get("scale")
        if words and scale and len(words) != scale:
            self.add_error(
                "words", f"Write {scale} lines, one for each stop; here are {len(words)}."
            )
        return cleaned


@dataclass(frozen=True)
class Dimension:
    """A row of the screen: its field, its key, and what is chosen in it."""

    name: str
    field: str
    key: str
    chosen: int | None


@dataclass(frozen=True)
class Reason:
    words: str
    key: str
    is_chosen: bool


class AnswerForm(BaseAnswerForm):
    strength = forms.TypedChoiceField(
        coerce=int, required=False, empty_value=None, widget=forms.RadioSelect
    )
    both_bad = forms.BooleanField(required=False, label="Both are bad")
    reasons = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "%(value)s is no reason of this project."},
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        responses: int = 2,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, config=config, responses=responses, initial=initial)
        self.scale: int = self.config.get("scale", DEFAULT_SCALE)
        self.stops = stops_of(self.config)
        strength, reasons = self.fields["strength"], self.fields["reasons"]
        assert isinstance(strength, forms.ChoiceField)
        assert isinstance(reasons, forms.ChoiceField)
        strength.choices = [(stop.value, stop.words) for stop in self.stops]
        strength.error_messages["invalid_choice"] = (
            f"Choose one of the {SCALES[self.scale].count} stops."
        )
        reasons.choices = [(words, words) for words in self.config.get("reasons", [])]
        for name in self.config.get("dimensions", []):
            self.fields[DIMENSION + name] = forms.TypedChoiceField(
                label=name,
                choices=[(1, "A is better"), (0, "About equal"), (-1, "B is better")],
                coerce=int,
                empty_value=None,
                required=self.config.get("dimensions_required", False),
                widget=forms.RadioSelect,
                error_messages={
                    "required": f"Say which response is better in {name}.",
                    "invalid_choice": f"{name} is 1 for A, 0 for equal, -1 for B.",
                },
            )
        self.order_fields(["strength", "both_bad"])

    @property
    def dimension_rows(self) -> list[Dimension]:
        rows = []
        names = self.config.get("dimensions", [])
        for name, key in zip(names, DIMENSION_KEYS, strict=False):
            rows.append(Dimension(name, DIMENSION + name, key, self[DIMENSION + name].value()))
        return rows

    @property
    def reason_chips(self) -> list[Reason]:
        chosen = self["reasons"].value() or []
        names = self.config.get("reasons", [])
        return [
            Reason(words, key, words in chosen)
            for words, key in zip(names, REASON_KEYS, strict=False)
        ]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        unknown = {name for name in self.data if name.startswith(DIMENSION)} - set(self.fields)
        for name in sorted(unknown):
            self.add_error(None, f"{name.removeprefix(DIMENSION)} is no dimension of this project.")
        strength, both_bad = cleaned.get("strength"), cleaned.get("both_bad", False)
        if "strength" in self.errors:
            return cleaned
        if both_bad:
            cleaned["strength"] = strength = 0
        if strength is None:
            self.add_error("strength", "Choose which response is better, or that both are bad.")
            return cleaned
        if self.scale != DEFAULT_SCALE:
            cleaned["scale"] = self.scale
        try:
            check(
                {"strength": strength, "both_bad": both_bad, "scale": self.scale},
                self.responses,
                self.config,
            )
        except AnswerInvalid as refusal:
            self.add_error(refusal.field, refusal.message)
        return cleaned


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    sign = _sign(display_order)
    answer: Answer = {"strength": sign * cleaned["strength"], "both_bad": cleaned["both_bad"]}
    dimensions = {
        name.removeprefix(DIMENSION): sign * value
        for name, value in cleaned.items()
        if name.startswith(DIMENSION) and value is not None
    }
    said = {
        "scale": cleaned.get("scale"),
        "dimensions": dimensions,
        "reasons": cleaned.get("reasons"),
    }
    return answer | {name: value for name, value in said.items() if value}


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    sign = _sign(display_order)
    shown: dict[str, Any] = {
        DIMENSION + name: sign * value for name, value in answer.get("dimensions", {}).items()
    }
    if "reasons" in answer:
        shown["reasons"] = answer["reasons"]
    if answer["both_bad"]:
        return {"both_bad": True} | shown
    return {"strength": sign * answer["strength"], "both_bad": False} | shown


def _sign(display_order: Sequence[int]) -> int:
    return 1 if display_order[0] == 0 else -1


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    number = answer.get("scale", DEFAULT_SCALE)
    scale = SCALES.get(number) if _is_whole(number) else None
    if scale is None:
        raise AnswerInvalid("strength", f"scale is one of {', '.join(map(str, SCALES))}.")
    strength, both_bad = answer.get("strength"), answer.get("both_bad", False)
    if not isinstance(both_bad, bool):
        raise AnswerInvalid("both_bad", "both_bad is true or false.")
    if not _is_whole(strength) or not -scale.most <= strength <= scale.most:
        raise AnswerInvalid(
            "strength", f"strength is a whole number from -{scale.most} to {scale.most}."
        )
    unknown = set(answer) - {"strength", "both_bad", "scale", "dimensions", "reasons"}
    if unknown:
        raise AnswerInvalid("strength", f"A pairwise answer holds no {min(unknown)}.")
    if both_bad and not config.get("allow_both_bad", True):
        raise AnswerInvalid("both_bad", "In this project one response has to be chosen.")
    ties = scale.has_tie and config.get("allow_tie", True)
    if strength == 0 and not both_bad and not ties:
        raise AnswerInvalid("strength", "In this project one response has to be the better one.")
    checked: Answer = {"strength": 0 if both_bad else strength, "both_bad": both_bad}
    said = {
        "scale": number if number != DEFAULT_SCALE else None,
        "dimensions": _dimensions(answer.get("dimensions", {}), config),
        "reasons": _reasons(answer.get("reasons", []), config),
    }
    return checked | {name: value for name, value in said.items() if value}


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _dimensions(said: Any, config: Mapping[str, Any]) -> dict[str, int]:
    """In the project's order."""
    if not isinstance(said, dict):
        raise AnswerInvalid("dimensions", "dimensions names each dimension with 1, 0 or -1.")
    known = config.get("dimensions", [])
    for name, value in said.items():
        if name not in known:
            raise AnswerInvalid("dimensions", f"{name} is no dimension of this project.")
        if not _is_whole(value) or value not in (1, 0, -1):
            raise AnswerInvalid("dimensions", f"{name} is 1, 0 or -1.")
    return {name: said[name] for name in known if name in said}


def _reasons(said: Any, config: Mapping[str, Any]) -> list[str]:
    """In the project's order, each once."""
    if not isinstance(said, list):
        raise AnswerInvalid("reasons", "reasons is a list.")
    known = config.get("reasons", [])
    for words in said:
        if words not in known:
            raise AnswerInvalid("reasons", f"{words} is no reason of this project.")
    return [words for words in known if words in said]


def preferences(answer: Answer, responses: int = 2) -> list[Preference]:
    if answer["both_bad"]:
        return []
    strength = answer["strength"]
    if strength == 0:
        return [Preference(a=0, b=1, p=0.5, strength=0.0)]
    levels = SCALES[answer.get("scale", DEFAULT_SCALE)].levels
    clearly = levels[abs(strength) - 1][1]
    return [Preference(a=0, b=1, p=float(strength > 0), strength=clearly)]


def unpaired(answer: Answer, responses: int = 2) -> list[Unpaired]:
    """Both bad: two negatives."""
    if not answer["both_bad"]:
        return []
    return [Unpaired(response=index, is_good=False) for index in range(responses)]


demonstrations = nothing


def agreement_label(answer: Answer) -> str:
    """Direction only: two people who differ in strength alone agree on who is better."""
    if answer["both_bad"]:
        return "both_bad"
    if answer["strength"] == 0:
        return "tie"
    return "first" if answer["strength"] > 0 else "second"


def measures(config: Mapping[str, Any]) -> list[Measure]:
    """The direction, how clearly it is said (on one scale only), and each dimension."""
    number = config.get("scale", DEFAULT_SCALE)
    stops = tuple(sorted(stop.value for stop in stops_of(config)))
    return [
        DIRECTION,
        Measure(f"strength_{number}", "How clearly", stops, "ordinal"),
        *(Measure(DIMENSION + name, name, (1, 0, -1)) for name in config.get("dimensions", [])),
    ]


def judged(answer: Answer, responses: int = 2) -> list[Judged]:
    dimensions = answer.get("dimensions", {}).items()
    said = [Judged(DIMENSION + name, "0-1", value) for name, value in dimensions]
    if answer["both_bad"]:
        return neither(2) + said
    strength = f"strength_{answer.get('scale', DEFAULT_SCALE)}"
    return [*directions(preferences(answer)), Judged(strength, "0-1", answer["strength"]), *said]
