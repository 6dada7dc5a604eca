"""What every task type offers, and what all of them share."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django import forms

from annotation.preferences import Preference

Answer = dict[str, Any]


class AnswerInvalid(Exception):
    """An answer that cannot be stored; `field` is the form field to mend, `message` a sentence."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


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

    def clean_rationale(self) -> str:
        rationale: str = self.cleaned_data["rationale"]
        if not rationale and self.config.get("rationale") == "required":
            raise forms.ValidationError("Say in a few words why.")
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
    def MIN_RESPONSES(self) -> int: ...  # noqa: N802

    @property
    def MAX_RESPONSES(self) -> int: ...  # noqa: N802

    @property
    def AnswerForm(self) -> type[BaseAnswerForm]: ...  # noqa: N802

    def to_canonical(self, cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
        """Undo the display order: the answer as it is stored."""

    def to_display(self, answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
        """The form's initial data for a stored answer, shown in this order."""

    def check(self, answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
        """The stored answer in its normal form; AnswerInvalid if it is none."""

    def preferences(self, answer: Answer, responses: int) -> list[Preference]:
        """The pairs that the answer implies, in canonical order."""

    def agreement_label(self, answer: Answer) -> str:
        """A word that is equal for two answers that agree."""
