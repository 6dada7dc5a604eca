"""What a researcher sends about the categories of prompts."""

from collections.abc import Sequence
from typing import Any

from django import forms

from annotation.queries_prompts import WITHOUT, CategoryLine

MAX_CHARS = 100


class FilterForm(forms.Form):
    """Which prompts are shown."""

    category = forms.ChoiceField(required=False)
    text = forms.CharField(label="Holding", max_length=200, required=False)

    def __init__(self, *args: Any, lines: Sequence[CategoryLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["category"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", "All prompts"),
            (WITHOUT, "Without a category"),
            *((line.name, line.name) for line in lines if line.prompts),
        ]

    def wish(self) -> tuple[str, str]:
        """Category and text; an address that somebody made up shows everything."""
        cleaned = self.cleaned_data if self.is_valid() else {}
        return cleaned.get("category", ""), cleaned.get("text", "")


class AssignForm(forms.Form):
    """Prompts that were ticked, or all that match the filter, and the category they get."""

    prompt = forms.TypedMultipleChoiceField(coerce=int, required=False)
    everything = forms.BooleanField(required=False)
    to = forms.CharField(label="Category", max_length=MAX_CHARS, required=False)

    def __init__(self, *args: Any, shown: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["prompt"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(pk, pk) for pk in shown]
        field.error_messages["invalid_choice"] = "A prompt is not on this page any more: look anew."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and not cleaned.get("prompt") and not cleaned.get("everything"):
            self.add_error("prompt", "Tick the prompts first, or choose all that match.")
        return cleaned


class RenameForm(forms.Form):
    old = forms.ChoiceField(label="Category")
    new = forms.CharField(
        label="New name",
        max_length=MAX_CHARS,
        help_text="The name of another category merges the two. Opt-outs, warnings and target"
        " shares come along.",
        widget=forms.TextInput(attrs={"list": "categories", "dir": "auto"}),
    )

    def __init__(self, *args: Any, lines: Sequence[CategoryLine], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["old"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(line.name, line.name) for line in lines]


class TargetsForm(forms.Form):
    """A share in percent for each category, and one new category. An empty share is no target."""

    new_category = forms.CharField(
        label="Another category",
        max_length=MAX_CHARS,
        required=False,
        widget=forms.TextInput(attrs={"dir": "auto", "autocomplete": "off"}),
    )
    new_share = forms.FloatField(label="Its share in %", required=False, min_value=0, max_value=100)

    def __init__(
        self, *args: Any, lines: Sequence[CategoryLine], names: Sequence[str] = (), **kwargs: Any
    ) -> None:
        """`names` are the categories that the page showed when it was sent."""
        super().__init__(*args, **kwargs)
        known = {line.name: line for line in lines}
        self.names = list(dict.fromkeys(names)) if self.is_bound else list(known)
        self.lines = [known.get(n) or CategoryLine(n, 0, None, False) for n in self.names]
        for number, line in enumerate(self.lines):
            self.fields[f"share_{number}"] = forms.FloatField(
                label=f"Share of {line.name} in %",
                required=False,
                min_value=0,
                max_value=100,
                initial=line.percent,
                widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
            )

    @property
    def rows(self) -> list[tuple[CategoryLine, forms.BoundField]]:
        return [(line, self[f"share_{number}"]) for number, line in enumerate(self.lines)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        new, share = cleaned.get("new_category"), cleaned.get("new_share")
        if new and share is None and "new_share" not in self.errors:
            self.add_error("new_share", f"Say which share “{new}” should have.")
        if share is not None and not new and "new_category" not in self.errors:
            self.add_error("new_category", "Say which category should have this share.")
        if new and new in self.names:
            self.add_error("new_category", f"“{new}” has a line of its own above.")
        return cleaned

    def shares(self) -> dict[str, float]:
        """{category: share between 0 and 1}, as `services.set_targets` takes them."""
        sent = [(n, self.cleaned_data[f"share_{i}"]) for i, n in enumerate(self.names)]
        sent.append((self.cleaned_data["new_category"], self.cleaned_data["new_share"]))
        return {name: share / 100 for name, share in sent if share is not None}
