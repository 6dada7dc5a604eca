"""What reviewers send: which items they look at, verdicts and comments."""

from typing import Any

from django import forms

from annotation.models import Gold, Verdict
from annotation.queries_review import STATES, Filters
from annotation.task_types import TASK_TYPES


class FilterForm(forms.Form):
    """Out of an address; what does not fit counts as not said."""

    state = forms.ChoiceField(choices=list(STATES.items()), required=False)
    task_type = forms.ChoiceField(
        choices=[(slug, kind.LABEL) for slug, kind in TASK_TYPES.items()], required=False
    )
    category = forms.CharField(max_length=100, required=False, strip=False)
    before = forms.IntegerField(min_value=0, max_value=2**63 - 1, required=False)

    def filters(self) -> Filters:
        self.is_valid()
        cleaned: dict[str, Any] = self.cleaned_data
        return Filters(
            state=cleaned.get("state") or "open",
            task_type=cleaned.get("task_type") or "",
            category=cleaned.get("category") or "",
            before=cleaned.get("before") or 0,
        )


class VerdictForm(forms.Form):
    """What a verdict holds beside the answer, which the task type's own form takes."""

    kind = forms.ChoiceField(choices=Verdict.Kind.choices)
    known = forms.IntegerField(min_value=0)
    submit_key = forms.CharField(max_length=64)
    rationale = forms.CharField(
        max_length=10_000, error_messages={"required": "Say in a few words why."}
    )


class VerdictGoldForm(forms.Form):
    kind = forms.ChoiceField(choices=Gold.Kind.choices)


class AnswerCommentForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=4_000,
        error_messages={"required": "Write something first."},
    )
