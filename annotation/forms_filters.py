"""Which judgements go into a dataset, as a form: exports and snapshots ask the same."""

from collections.abc import Iterable
from typing import Any

from django import forms

from annotation.exports.filters import LABELS
from annotation.queries_data import FilterChoices

CHECKBOXES = forms.CheckboxSelectMultiple


class FilterForm(forms.Form):
    """What `exports.filters.clean_filters` takes; an empty field leaves nothing out."""

    labels = forms.ChoiceField(
        label="What several answers become",
        choices=list(LABELS.items()),
        required=False,
        help_text="Answers of people who are trusted less count less, whatever is chosen here.",
    )
    answers = forms.IntegerField(
        label="Answers at least",
        min_value=1,
        max_value=50,
        required=False,
        help_text="Only items that so many people answered.",
    )
    agreement = forms.FloatField(
        label="Agreement at least",
        min_value=0.01,
        max_value=1,
        required=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text="The share of the answers to an item that say the same, such as 0.7. Leaving out"
        " where people differ can cost more than it gains: soft labels keep what they know.",
    )
    since = forms.DateField(
        label="Answered since",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    rounds = forms.TypedMultipleChoiceField(coerce=int, required=False, widget=CHECKBOXES)
    origins = forms.MultipleChoiceField(required=False, widget=CHECKBOXES)
    sources = forms.MultipleChoiceField(
        required=False,
        widget=CHECKBOXES,
        help_text="Only items whose responses all come from these.",
    )
    batches = forms.MultipleChoiceField(required=False, widget=CHECKBOXES)
    guidelines = forms.TypedMultipleChoiceField(
        label="Guideline",
        coerce=int,
        required=False,
        widget=CHECKBOXES,
        help_text="Only answers that were given under these versions.",
    )
    annotators = forms.MultipleChoiceField(
        required=False,
        help_text="Only answers of these people. To trust somebody less, lower their weight.",
    )

    def __init__(self, *args: Any, choices: FilterChoices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("rounds", ((number, f"Round {number}") for number in choices.rounds))
        self.offer("origins", ((origin, origin.capitalize()) for origin in choices.origins))
        self.offer("sources", choices.sources)
        self.offer("batches", ((name, name) for name in choices.batches), least=1)
        self.offer("guidelines", choices.guidelines)
        self.offer("annotators", choices.annotators)

    def offer(self, name: str, choices: Iterable[tuple[Any, str]], least: int = 2) -> None:
        """What the project has to choose from; with less than that nobody is asked, but what is
        sent all the same is looked at."""
        found = list(choices)
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = found
        if len(found) < least and name not in self.data:
            del self.fields[name]

    def filters(self) -> dict[str, Any]:
        """As `exports.filters.clean_filters` takes them."""
        names = FilterForm.base_fields
        chosen = {name: self.cleaned_data.get(name) for name in names}
        if since := chosen["since"]:
            chosen["since"] = since.isoformat()
        return {name: value for name, value in chosen.items() if value}
