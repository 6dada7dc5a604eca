"""The ideal response, written by a person: from nothing, or by editing one of the responses shown.

Stored: {"text": "…", "edited": canonical index of the response it was made from, or null,
"diff": what was changed in that response}. The diff is derived here from the two texts, never
taken from outside, and absent when the text was written from nothing: `text_diff.delta` says how
it reads. A response can be taken over as it is: its diff then only keeps.

An edit implies no preference: the edited text is not among the item's responses, and a pair needs
two of them. Nor is the response it came from called bad.

`task_config` may hold "rationale": "required".
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from annotation import text_diff
from annotation.measures import Measure
from annotation.task_types.contract import (
    Answer,
    AnswerInvalid,
    BaseAnswerForm,
    BaseSettingsForm,
    Demonstration,
    nothing,
)

LABEL = "Demonstration"
EXAMPLE = {"text": "The capital of France is Paris.", "edited": "1"}
EXAMPLE_RESPONSES = 2
MIN_RESPONSES = 0
MAX_RESPONSES = 9  # each has a key of its own, to start from it
MAX_CHARS = 100_000


class SettingsForm(BaseSettingsForm):
    """Nothing to set."""


class AnswerForm(BaseAnswerForm):
    """`edited` is the place of the response that the text was made from, empty for none."""

    text = forms.CharField(
        label="Your response",
        max_length=MAX_CHARS,
        strip=False,
        widget=forms.Textarea,
        error_messages={
            "required": "Write the response first.",
            "max_length": f"Keep the response below {MAX_CHARS:,} characters.",
        },
    )
    edited = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        widget=forms.HiddenInput,
        error_messages={"invalid_choice": "There is no such response to start from."},
    )

    field_order = ["text", "edited", "rationale"]

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        responses: int = 0,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, config=config, responses=responses, initial=initial)
        edited = self.fields["edited"]
        assert isinstance(edited, forms.TypedChoiceField)
        edited.choices = [(place, f"Response {place}") for place in range(responses)]

    def clean_text(self) -> str:
        """With the line ends of text files: browsers send others."""
        text: str = self.cleaned_data["text"]
        if not text.strip():
            raise forms.ValidationError("Write the response first.")
        return text.replace("\r\n", "\n").replace("\r", "\n")


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    place = cleaned["edited"]
    return {"text": cleaned["text"], "edited": None if place is None else display_order[place]}


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    edited = answer["edited"]
    place = "" if edited is None else list(display_order).index(edited)
    return {"text": answer["text"], "edited": place}


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    """Without the diff: `with_diff` adds it, whatever came along."""
    if not {"text", "edited"} <= set(answer) <= {"text", "edited", "diff"}:
        raise AnswerInvalid("text", "An answer holds text and edited.")
    text, edited = answer["text"], answer["edited"]
    if not isinstance(text, str) or not text.strip():
        raise AnswerInvalid("text", "The text is empty.")
    if len(text) > MAX_CHARS:
        raise AnswerInvalid("text", f"Keep the response below {MAX_CHARS:,} characters.")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise AnswerInvalid("text", "The text holds a character that cannot be stored.")
    if edited is not None and (
        isinstance(edited, bool) or not isinstance(edited, int) or not 0 <= edited < responses
    ):
        raise AnswerInvalid("edited", "edited names a response of the item, or is null.")
    return {"text": text, "edited": edited}


def with_diff(answer: Answer, texts: Sequence[str]) -> Answer:
    """The answer with what was changed in the response it was made from."""
    if answer["edited"] is None:
        return answer
    return answer | {"diff": text_diff.delta(texts[answer["edited"]], answer["text"])}


preferences = unpaired = nothing


def demonstrations(answer: Answer, responses: int = 0) -> list[Demonstration]:
    return [Demonstration(text=answer["text"], edited=answer["edited"])]


def agreement_label(answer: Answer) -> str:
    """Which response was found worth editing, if any: two texts are never quite the same."""
    return "written" if answer["edited"] is None else f"edited {answer['edited']}"


def measures(config: Mapping[str, Any]) -> list[Measure]:
    """None: two texts are never quite the same."""
    return []


judged = nothing
