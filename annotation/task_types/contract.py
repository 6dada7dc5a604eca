"""What every task type offers, and what all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from django import forms

from annotation.measures import Judged, Measure
from annotation.preferences import Preference

Answer = dict[str, Any]


class AnswerInvalid(Exception):
    """An answer that cannot be stored; `field` is the form field to mend, `message` a sentence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Unpaired:
    """A response called good or bad by itself, without being compared; a canonical index."""

    response: int
    is_good: bool


@dataclass(frozen=True)
class Demonstration:
    """A text that a person wrote as the ideal response; `edited` is the canonical index of the
    response it was made from, None when it was written from nothing."""

    text: str
    edited: int | None = None


def nothing(answer: Answer, responses: int) -> list[Any]:
    """For task types whose answers hold no pairs, no unpaired labels or no demonstrations."""
    return []


class BaseSettingsForm(forms.Form):
    """What a manager sets for a project of one task type: its part of `task_config`."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(data, prefix=prefix)
        stored = config or {}
        self.initial = {name: stored[name] for name in self.fields if name in stored}

    def to_config(self) -> dict[str, Any]:
        """What was set; a value that is the default anyway is left out."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value != self.fields[name].initial
        }


class BaseAnswerForm(forms.Form):
    """What an annotator sends, in display order. `responses` is how many were shown."""

    rationale = forms.CharField(required=False, max_length=10_000, widget=forms.Textarea)

    field_order: Sequence[str] | None = None

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        responses: int = 2,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.config = dict(config or {})
        self.responses = responses

    @property
    def rationale_is_required(self) -> bool:
        return self.config.get("rationale") == "required"

    @property
    def rationale_chars(self) -> int:
        """How long a reason is at least, where one is required; 0: any length."""
        return int(self.config.get("rationale_chars", 0)) if self.rationale_is_required else 0

    def clean_rationale(self) -> str:
        rationale: str = self.cleaned_data["rationale"]
        if not rationale and self.rationale_is_required:
            raise forms.ValidationError("Say in a few words why.")
        if len(rationale) < self.rationale_chars:
            raise forms.ValidationError(
                f"Say why in at least {self.rationale_chars} characters; these are"
                f" {len(rationale)}."
            )
        return rationale


class TaskType(Protocol):
    """A module of this package. Its file name is its slug, its docstring its help."""

    @property
    def LABEL(self) -> str: ...  # noqa: N802

    @property
    def EXAMPLE(self) -> dict[str, str]:  # noqa: N802
        """What the form is sent for one valid answer, in display order."""

    @property
    def EXAMPLE_RESPONSES(self) -> int:  # noqa: N802
        """How many responses the example is about."""

    @property
    def MIN_RESPONSES(self) -> int:  # noqa: N802
        """0 where the question is about the prompt alone."""

    @property
    def MAX_RESPONSES(self) -> int: ...  # noqa: N802

    @property
    def AnswerForm(self) -> type[BaseAnswerForm]: ...  # noqa: N802

    @property
    def SettingsForm(self) -> type[BaseSettingsForm]: ...  # noqa: N802

    def to_canonical(self, cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
        """Undo the display order: the answer as it is stored."""

    def to_display(self, answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
        """The form's initial data for a stored answer, shown in this order."""

    def check(self, answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
        """The stored answer in its normal form; AnswerInvalid if it is none."""

    def preferences(self, answer: Answer, responses: int) -> list[Preference]:
        """The pairs that the answer implies, in canonical order."""

    def unpaired(self, answer: Answer, responses: int) -> list[Unpaired]:
        """The responses that the answer calls good or bad by themselves."""

    def demonstrations(self, answer: Answer, responses: int) -> list[Demonstration]:
        """The texts that the annotator wrote as ideal responses."""

    def agreement_label(self, answer: Answer) -> str:
        """A word that is equal for two answers that agree."""

    def measures(self, config: Mapping[str, Any]) -> list[Measure]:
        """What people can agree on here, the most important first; none where there is nothing."""

    def judged(self, answer: Answer, responses: int) -> list[Judged]:
        """What the answer says on these measures. A value that is not on the scale of a measure,
        because the setting was another one then, counts for nothing."""


@runtime_checkable
class KeepsDiff(Protocol):
    """What a task type has besides when its answers hold an edited response."""

    def with_diff(self, answer: Answer, texts: Sequence[str]) -> Answer:
        """The answer with what was changed in it, by the item's responses in canonical order."""
