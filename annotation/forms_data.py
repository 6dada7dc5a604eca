"""What a researcher sends to bring data in or out."""

from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from annotation.exports import EXPORTS, SUFFIXES
from annotation.forms_filters import FilterForm
from annotation.imports.files import SUFFIXES as IMPORT_SUFFIXES
from annotation.models import Prompt
from annotation.queries_data import IMPORT_LABELS

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


class ExportForm(FilterForm):
    format = forms.ChoiceField(choices=[(slug, fmt.LABEL) for slug, fmt in EXPORTS.items()])
    suffix = forms.ChoiceField(label="Kind of file", choices=[(s, f".{s}") for s in SUFFIXES])
    split = forms.ChoiceField(
        choices=[("", "Train and test"), *Prompt.Split.choices],
        required=False,
    )
    field_order = ("format", "suffix", "split")
    first = (*field_order, "labels")  # what everybody looks at

    def usual(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name in self.first]

    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.first]
