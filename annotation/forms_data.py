"""What a researcher sends to bring data in or out."""

from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from annotation.exports import EXPORTS, SUFFIXES
from annotation.exports.rows import LABELS
from annotation.imports.files import SUFFIXES as IMPORT_SUFFIXES
from annotation.models import Item, Project, Prompt
from annotation.queries_batches import batch_choices
from annotation.queries_data import IMPORT_LABELS, filter_choices

ACCEPT = ",".join([*IMPORT_SUFFIXES, ".gz"])


class ImportForm(forms.Form):
    format = forms.ChoiceField(label="What it holds", choices=list(IMPORT_LABELS.items()))
    file = forms.FileField(
        widget=forms.FileInput(attrs={"accept": ACCEPT}),
        help_text="JSON lines, CSV or Parquet; the first two may be gzipped.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # An upload is cut off at the limit, so a file that is too large looks like none.
        limit = filesizeformat(settings.MAX_UPLOAD_BYTES)
        self.fields["file"].error_messages["required"] = (
            f"No file came, or one larger than {limit}. Split a larger one, or read it in on the"
            " server with manage.py."
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        cleaned["kind"] = "prompts" if cleaned.get("format") == "prompts" else "comparisons"
        return cleaned


class ExportForm(forms.Form):
    format = forms.ChoiceField(choices=[(slug, fmt.LABEL) for slug, fmt in EXPORTS.items()])
    suffix = forms.ChoiceField(label="Kind of file", choices=[(s, f".{s}") for s in SUFFIXES])
    split = forms.ChoiceField(
        choices=[("", "Train and test"), *Prompt.Split.choices],
        required=False,
    )
    rounds = forms.TypedMultipleChoiceField(coerce=int, required=False)
    origins = forms.MultipleChoiceField(choices=Item.Origin.choices, required=False)
    sources = forms.MultipleChoiceField(required=False)
    batches = forms.MultipleChoiceField(required=False)
    since = forms.DateField(
        required=False,
        label="Answered since",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    labels = forms.ChoiceField(
        label="What several answers become",
        choices=list(LABELS.items()),
        required=False,
        help_text="For pairs, labels and rankings; raw holds every vote and every verdict anyway.",
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rounds, sources = filter_choices(project)
        for name, choices in (("rounds", rounds), ("sources", sources)):
            field = self.fields[name]
            assert isinstance(field, forms.MultipleChoiceField)
            field.choices = [(str(choice), str(choice)) for choice in choices]
            if len(choices) < 2:
                del self.fields[name]  # nothing to choose from
        names = batch_choices(project)
        field = self.fields["batches"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(name, name) for name in names]
        if not names:
            del self.fields["batches"]

    def filters(self) -> dict[str, Any]:
        """As `exports.rows.clean_filters` takes them."""
        cleaned = self.cleaned_data
        since = cleaned.get("since")
        return {
            "rounds": cleaned.get("rounds"),
            "origins": cleaned.get("origins"),
            "sources": cleaned.get("sources"),
            "batches": cleaned.get("batches"),
            "since": since.isoformat() if since else None,
            "labels": cleaned.get("labels"),
        }
