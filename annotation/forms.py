"""What people send: reasons, and settings of projects. Answers are the task types' own forms."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.validators import MaxLengthValidator

from annotation.fields import LinesField
from annotation.models import Membership, Project
from annotation.services.leases import MAX_DRAFT_CHARS
from annotation.task_types import TASK_TYPES
from annotation.task_types.contract import BaseSettingsForm

MAX_DESCRIPTION_CHARS = 5_000
SKIP_REASONS = (
    "I don’t know enough about this subject",
    "A text is broken or cut off",
    "I don’t understand the question",
    "I would rather not read this",
)
FLAG_REASONS = (
    "Holds personal data",
    "Harmful or illegal",
    "Wrong language",
    "The prompt makes no sense",
    "Shown wrongly on the screen",
)


class SkipForm(forms.Form):
    reason = forms.CharField(max_length=200)


class FlagForm(forms.Form):
    reason = forms.CharField(max_length=100)
    note = forms.CharField(max_length=2000, required=False)


class HeartbeatForm(forms.Form):
    active_seconds = forms.FloatField(min_value=0)
    opened = forms.BooleanField(required=False)


class DraftForm(forms.Form):
    """`draft` is the answer's form as {name: [values]}, in display order, complete or not."""

    # As JSON, where a line end or a quotation mark takes two characters.
    draft = forms.CharField(max_length=2 * MAX_DRAFT_CHARS, strip=False)
    version = forms.IntegerField(min_value=1)

    def clean_draft(self) -> dict[str, Any]:
        try:
            draft = json.loads(self.cleaned_data["draft"])
        except (ValueError, RecursionError):
            raise forms.ValidationError("The draft is not JSON.") from None
        if not isinstance(draft, dict):
            raise forms.ValidationError("A draft is an object.")
        return draft


class PreviewForm(forms.Form):
    """A text that is being written; `edited` is the place of the response it is made from."""

    text = forms.CharField(max_length=MAX_DRAFT_CHARS, strip=False, required=False)
    edited = forms.IntegerField(required=False, min_value=0)

    def __init__(self, data: Mapping[str, Any] | None = None, *, responses: int) -> None:
        super().__init__(data)
        self.responses = responses

    def clean_text(self) -> str:
        """With the line ends that are stored."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")

    def clean_edited(self) -> int | None:
        place: int | None = self.cleaned_data["edited"]
        if place is not None and place >= self.responses:
            raise forms.ValidationError("There is no such response.")
        return place


class SubmitForm(forms.Form):
    """What comes with an answer: its key, how long it took in focused seconds, and the item held
    ready, which the browser shows next."""

    submit_key = forms.CharField(max_length=64)
    seconds = forms.FloatField(min_value=0, required=False)
    opens = forms.UUIDField(required=False)


if TYPE_CHECKING:
    ProjectModelForm = forms.ModelForm[Project]
else:
    ProjectModelForm = forms.ModelForm  # generic for the type checker only


class ProjectForm(ProjectModelForm):
    task_type = forms.ChoiceField(
        label="Question",
        choices=[(slug, kind.LABEL) for slug, kind in TASK_TYPES.items()],
        help_text="What annotators are asked about each prompt.",
    )
    rationale_required = forms.BooleanField(
        label="A reason is required", required=False, help_text="Otherwise it is optional."
    )
    rationale_chars = forms.IntegerField(
        label="Characters of a reason, at least",
        required=False,
        min_value=1,
        max_value=1000,
        help_text="Where a reason is required. Empty: a word is enough.",
    )

    read_first = forms.BooleanField(
        label="Responses are read one by one first",
        required=False,
        help_text="Each fills the screen; the question comes once all were read.",
    )

    harm_categories = LinesField(
        label="Categories to warn of",
        help_text="One per line, as the prompts carry them. Their texts stay blurred until an"
        " annotator chooses to see them, and everybody can opt out of each.",
        max_lines=50,
        max_chars=100,
    )

    class Meta:
        model = Project
        fields = (
            "name",
            "slug",
            "description",
            "task_type",
            "answers_per_item",
            "lease_seconds",
            "test_share",
            "render_markdown",
        )
        labels = {
            "slug": "Short name",
            "answers_per_item": "Answers per item",
            "lease_seconds": "Seconds an item is held",
            "test_share": "Share kept for testing",
            "render_markdown": "Show responses as formatted text",
        }
        help_texts = {
            "slug": "Stands in addresses and commands. Lower-case letters, digits, underscores.",
        }
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        config = self.instance.task_config
        self.settings: dict[str, BaseSettingsForm] = {
            slug: kind.SettingsForm(
                self.data if self.is_bound else None, config=config, prefix=slug
            )
            for slug, kind in TASK_TYPES.items()
            if not self.instance.pk or slug == self.instance.task_type
        }
        self.fields["lease_seconds"].validators.append(_at_least_a_minute)
        self.fields["description"].validators.append(MaxLengthValidator(MAX_DESCRIPTION_CHARS))
        if self.instance.pk:
            # What was judged and split under these stays comparable: they are chosen once.
            del self.fields["slug"], self.fields["task_type"], self.fields["test_share"]
            self.initial["rationale_required"] = config.get("rationale") == "required"
            self.initial["rationale_chars"] = config.get("rationale_chars")
            self.initial["read_first"] = config.get("read_first", False)
            self.initial["harm_categories"] = self.instance.harm_categories

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        settings = self.settings.get(cleaned.get("task_type", self.instance.task_type))
        if settings is None or not settings.is_valid():
            # Said beside the field itself; here only so that the form as a whole is refused.
            self.add_error(None, "A setting of the question needs another look.")
            return cleaned
        if cleaned.get("rationale_chars") and not cleaned.get("rationale_required"):
            self.add_error(
                "rationale_chars", "Only where a reason is required: tick that too, or empty this."
            )
            return cleaned
        ours = {"rationale", "rationale_chars", "read_first", "harm_categories", *settings.fields}
        config = {k: v for k, v in self.instance.task_config.items() if k not in ours}
        config |= settings.to_config()
        if cleaned.get("rationale_required"):
            config["rationale"] = "required"
        if cleaned.get("rationale_chars"):
            config["rationale_chars"] = cleaned["rationale_chars"]
        if cleaned.get("read_first"):
            config["read_first"] = True
        if cleaned.get("harm_categories"):
            config["harm_categories"] = cleaned["harm_categories"]
        cleaned["task_config"] = config
        return cleaned

    def project_fields(self) -> dict[str, Any]:
        """The columns of Project that the form sets."""
        columns = {field.name for field in Project._meta.concrete_fields}
        return {name: value for name, value in self.cleaned_data.items() if name in columns}


def _at_least_a_minute(seconds: int) -> None:
    if not 60 <= seconds <= 7 * 86_400:
        raise forms.ValidationError("Between a minute (60) and a week (604800).")


class MemberForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="Somebody who has an account, or a new name: then an account is made.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.ChoiceField(choices=Membership.Role.choices, initial=Membership.Role.ANNOTATOR)

    def clean_username(self) -> str:
        return str(User.normalize_username(self.cleaned_data["username"]))


class MemberActionForm(forms.Form):
    action = forms.ChoiceField(choices=[(each, each) for each in ("role", "remove", "password")])
    role = forms.ChoiceField(choices=Membership.Role.choices, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("action") == "role" and not cleaned.get("role"):
            self.add_error("role", "Choose a role.")
        return cleaned


class GuidelineForm(forms.Form):
    text = forms.CharField(
        label="Guidelines",
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "true"}),
        help_text="Markdown. Saving publishes a new version; every answer records the one it saw.",
    )
