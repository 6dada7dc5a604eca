"""What a researcher sends about batches."""

from typing import Any

from django import forms
from django.contrib.auth.models import User

from annotation.models import Project
from annotation.queries_batches import members, take_in_choices
from annotation.services.batches import FIRST_PRIORITY, LAST_PRIORITY

ACTIONS = ("pause", "resume", "close", "reopen", "up", "down")


def moment_field(label: str, help_text: str = "") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )


class BatchActionForm(forms.Form):
    action = forms.ChoiceField(choices=[(each, each) for each in ACTIONS])


class BatchTermsForm(forms.Form):
    """When a batch is asked, and of whom."""

    opens = moment_field("Opens", "Empty: at once.")
    closes = moment_field("Closes", "Empty: when somebody closes it.")
    people = forms.MultipleChoiceField(
        label="Only these people",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Nobody chosen: everybody.",
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.members = {str(person.pk): person for person in members(project)}
        field = self.fields["people"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(pk, person.get_username()) for pk, person in self.members.items()]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        opens, closes = cleaned.get("opens"), cleaned.get("closes")
        if opens and closes and closes <= opens:
            self.add_error("closes", "A batch closes after it opens: name a later time.")
        return cleaned

    def people_chosen(self) -> list[User]:
        return [self.members[pk] for pk in self.cleaned_data["people"]]


class BatchForm(BatchTermsForm):
    """A new batch, and what is put into it."""

    name = forms.CharField(max_length=100, help_text="Stands in exports too.")
    priority = forms.IntegerField(
        min_value=FIRST_PRIORITY,
        max_value=LAST_PRIORITY,
        initial=0,
        help_text="Higher comes first; items without a batch mostly have 0.",
    )
    take_in = forms.ChoiceField(
        label="Put into it",
        required=False,
        help_text="More can follow: items that you build can go into it at once.",
    )

    field_order = ("name", "priority", "take_in", "opens", "closes", "people")

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, project=project, **kwargs)
        field = self.fields["take_in"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = take_in_choices(project)
