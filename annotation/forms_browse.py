"""What the data browser is asked: filters out of an address, and what is to be done with items."""

from typing import Any

from django import forms

from annotation.models import Item, Project, Prompt
from annotation.queries_browse_filters import BrowseFilters
from annotation.task_types import TASK_TYPES

LARGEST = 2**63 - 1
ANY = ("", "All")
MAX_CHOSEN = 100  # boxes of one page


def number(label: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=0, max_value=LARGEST, required=False)


class BrowseForm(forms.Form):
    """The parameters of `queries_browse_filters`; what does not fit is said, and left out."""

    q = forms.CharField(label="Words", max_length=200, required=False)
    status = forms.ChoiceField(
        choices=[ANY, *((s, s.capitalize()) for s in Item.Status.values if s != "retest")],
        required=False,
    )
    origin = forms.ChoiceField(choices=[ANY, *Item.Origin.choices], required=False)
    batch = forms.ChoiceField(required=False)
    task_type = forms.ChoiceField(
        label="Kind of question",
        choices=[ANY, *((slug, kind.LABEL) for slug, kind in TASK_TYPES.items())],
        required=False,
    )
    category = forms.CharField(max_length=100, required=False, strip=False)
    source = forms.MultipleChoiceField(label="Sources", required=False)
    by = forms.MultipleChoiceField(label="Answered by", required=False)
    split = forms.ChoiceField(choices=[ANY, *Prompt.Split.choices], required=False)
    round = number("Round")
    answers = number("Answers, at least")
    guideline = number("Guideline version")
    after = forms.DateField(
        label="Answered from",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label="Answered until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    order = forms.ChoiceField(
        choices=[
            ("newest", "Newest first"),
            ("oldest", "Oldest first"),
            ("answers", "Most answers first"),
        ],
        required=False,
    )
    disputed = forms.BooleanField(label="Answers differ", required=False)
    flagged = forms.BooleanField(label="Flagged", required=False)
    counted = forms.BooleanField(label="Without gold", required=False)
    no_category = forms.BooleanField(label="Without a category", required=False)
    start = forms.RegexField(regex=r"^\d{1,5}-\d{1,18}$", required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, project: Project, choices: dict[str, Any], **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.fields["import"] = forms.ChoiceField(required=False)
        for name, found in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            many = isinstance(field, forms.MultipleChoiceField)
            field.choices = found if many else [ANY, *found]

    def filters(self) -> BrowseFilters:
        """What was understood."""
        self.is_valid()
        said: dict[str, Any] = self.cleaned_data
        return BrowseFilters(
            q=said.get("q") or "",
            status=said.get("status") or "",
            round=said.get("round"),
            origin=said.get("origin") or "",
            batch=int(said["batch"]) if said.get("batch") else None,
            import_=int(said["import"]) if said.get("import") else None,
            category=said.get("category") or "",
            no_category=bool(said.get("no_category")),
            source=tuple(said.get("source") or ()),
            task_type=said.get("task_type") or "",
            guideline=said.get("guideline"),
            by=tuple(int(pk) for pk in said.get("by") or ()),
            after=said.get("after"),
            until=said.get("until"),
            answers=said.get("answers"),
            split=said.get("split") or "",
            disputed=bool(said.get("disputed")),
            flagged=bool(said.get("flagged")),
            counted=bool(said.get("counted")),
            order=said.get("order") or "newest",
            start=said.get("start") or "",
        )


class BulkForm(forms.Form):
    """Items that are chosen, or all that the address asks for, and what becomes of them."""

    action = forms.ChoiceField(choices=[("retire", "Retire"), ("reopen", "Reopen")])
    scope = forms.ChoiceField(choices=[("chosen", "Chosen"), ("all", "All that match")])
    item = forms.TypedMultipleChoiceField(coerce=int, required=False)
    confirmed = forms.BooleanField(required=False)

    def __init__(self, *args: Any, items: list[str], **kw: Any) -> None:
        super().__init__(*args, **kw)
        numbers = [pk for pk in items[:MAX_CHOSEN] if pk.isdecimal() and int(pk) <= LARGEST]
        field = self.fields["item"]
        assert isinstance(field, forms.TypedMultipleChoiceField)
        field.choices = [(pk, pk) for pk in numbers]
