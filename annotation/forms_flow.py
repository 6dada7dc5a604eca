"""What a manager sets about how much is asked of whom."""

from typing import TYPE_CHECKING, Any

from django import forms

from annotation.models import FlowPolicy, Project

if TYPE_CHECKING:
    FlowModelForm = forms.ModelForm[FlowPolicy]
else:
    FlowModelForm = forms.ModelForm  # generic for the type checker only


class FlowForm(FlowModelForm):
    """The project's FlowPolicy, all of it."""

    class Meta:
        model = FlowPolicy
        fields = (
            "max_overlap",
            "agree_share",
            "daily_limit",
            "total_limit",
            "share_cap",
            "retest_share",
            "retest_after",
        )
        labels = {
            "max_overlap": "Answers an item, at most",
            "agree_share": "They agree from this share on",
            "daily_limit": "Answers a day",
            "total_limit": "Answers in all",
            "share_cap": "Share of one person, at most",
            "retest_share": "Share of answers asked for again",
            "retest_after": "Other answers in between, at least",
        }
        widgets = {
            "agree_share": forms.NumberInput(attrs={"step": "0.01"}),
            "retest_share": forms.NumberInput(attrs={"step": "0.01"}),
            "share_cap": forms.NumberInput(attrs={"step": "0.05"}),
        }

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project

    def clean_max_overlap(self) -> int:
        most: int = self.cleaned_data["max_overlap"]
        if 0 < most <= self.project.answers_per_item:
            raise forms.ValidationError(
                f"Each item gets {self.project.answers_per_item} answers anyway: name more than"
                " that, or 0 to ask nobody more."
            )
        return most


class MemberLimitsForm(forms.Form):
    """Other limits for one member; an empty field leaves it to the project."""

    daily_limit = forms.IntegerField(
        label="Answers a day", min_value=0, max_value=100_000, required=False
    )
    total_limit = forms.IntegerField(
        label="Answers in all", min_value=0, max_value=10_000_000, required=False
    )
