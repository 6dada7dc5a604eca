"""One response: is it good or bad? Unpaired data, as KTO learns from it.

Stored: {"good": true | false}. One response alone is compared with nothing, so there are no pairs.

`task_config` may hold "rationale": "required".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from annotation.measures import Judged, Measure
from annotation.task_types.contract import (
    Answer,
    AnswerInvalid,
    BaseAnswerForm,
    BaseSettingsForm,
    Unpaired,
    nothing,
)

LABEL = "Thumbs up or down"
EXAMPLE = {"verdict": "good"}
EXAMPLE_RESPONSES = MIN_RESPONSES = MAX_RESPONSES = 1

VERDICTS = (("good", "Good"), ("bad", "Bad"))


class SettingsForm(BaseSettingsForm):
    """Nothing to set."""


class AnswerForm(BaseAnswerForm):
    verdict = forms.ChoiceField(
        choices=VERDICTS,
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose whether the response is good or bad.",
            "invalid_choice": "A verdict is good or bad.",
        },
    )

    field_order = ["verdict", "rationale"]


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    return {"good": cleaned["verdict"] == "good"}


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    return {"verdict": "good" if answer["good"] else "bad"}


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    if set(answer) != {"good"} or not isinstance(answer["good"], bool):
        raise AnswerInvalid("verdict", "An answer holds good, which is true or false.")
    return {"good": answer["good"]}


def unpaired(answer: Answer, responses: int = 1) -> list[Unpaired]:
    return [Unpaired(response=0, is_good=answer["good"])]


preferences = demonstrations = nothing


def agreement_label(answer: Answer) -> str:
    return "good" if answer["good"] else "bad"


def measures(config: Mapping[str, Any]) -> list[Measure]:
    return [Measure("good", "Good or bad", ("good", "bad"))]


def judged(answer: Answer, responses: int = 1) -> list[Judged]:
    return [Judged("good", "0", agreement_label(answer))]
