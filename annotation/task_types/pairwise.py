"""Two responses side by side: which is better, and how clearly?

Stored: {"strength": -3 … 3, "both_bad": bool}; positive means that canonical response 0 is
better. "Both bad" is a judgement of its own: it has strength 0 and implies no preference.

`task_config` may hold "allow_tie": false, "allow_both_bad": false, "rationale": "required".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from annotation.preferences import Preference
from annotation.task_types.contract import Answer, AnswerInvalid, BaseAnswerForm

LABEL = "Pairwise comparison"
EXAMPLE = {"strength": "2", "rationale": "A answers the question."}
EXAMPLE_RESPONSES = MIN_RESPONSES = MAX_RESPONSES = 2

STOPS: tuple[tuple[int, str], ...] = (
    (3, "A is much better"),
    (2, "A is better"),
    (1, "A is slightly better"),
    (0, "About equal"),
    (-1, "B is slightly better"),
    (-2, "B is better"),
    (-3, "B is much better"),
)
"""In display order from left to right; stop i stands on key i + 1."""


class AnswerForm(BaseAnswerForm):
    strength = forms.TypedChoiceField(
        choices=STOPS,
        coerce=int,
        required=False,
        empty_value=None,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": "Choose one of the seven stops."},
    )
    both_bad = forms.BooleanField(required=False, label="Both are bad")

    field_order = ["strength", "both_bad", "rationale"]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        strength, both_bad = cleaned.get("strength"), cleaned.get("both_bad", False)
        if "strength" in self.errors:
            return cleaned
        if both_bad:
            cleaned["strength"] = strength = 0
        if strength is None:
            self.add_error("strength", "Choose which response is better, or that both are bad.")
            return cleaned
        try:
            check({"strength": strength, "both_bad": both_bad}, self.responses, self.config)
        except AnswerInvalid as refusal:
            self.add_error(refusal.field, refusal.message)
        return cleaned


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    sign = 1 if display_order[0] == 0 else -1
    return {"strength": sign * cleaned["strength"], "both_bad": cleaned["both_bad"]}


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    if answer["both_bad"]:
        return {"both_bad": True}
    sign = 1 if display_order[0] == 0 else -1
    return {"strength": sign * answer["strength"], "both_bad": False}


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    strength, both_bad = answer.get("strength"), answer.get("both_bad", False)
    if not isinstance(both_bad, bool):
        raise AnswerInvalid("both_bad", "both_bad is true or false.")
    if isinstance(strength, bool) or not isinstance(strength, int) or not -3 <= strength <= 3:
        raise AnswerInvalid("strength", "strength is a whole number from -3 to 3.")
    if set(answer) - {"strength", "both_bad"}:
        raise AnswerInvalid("strength", "An answer holds strength and both_bad, nothing else.")
    if both_bad and not config.get("allow_both_bad", True):
        raise AnswerInvalid("both_bad", "In this project one response has to be chosen.")
    if strength == 0 and not both_bad and not config.get("allow_tie", True):
        raise AnswerInvalid("strength", "In this project one response has to be the better one.")
    return {"strength": 0 if both_bad else strength, "both_bad": both_bad}


def preferences(answer: Answer, responses: int = 2) -> list[Preference]:
    if answer["both_bad"]:
        return []
    strength = answer["strength"]
    p = 0.5 if strength == 0 else float(strength > 0)
    return [Preference(a=0, b=1, p=p, strength=float(abs(strength)))]


def agreement_label(answer: Answer) -> str:
    """Direction only: two people who differ in strength alone agree on who is better."""
    if answer["both_bad"]:
        return "both_bad"
    if answer["strength"] == 0:
        return "tie"
    return "first" if answer["strength"] > 0 else "second"
