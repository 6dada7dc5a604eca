"""What managers set about records of production, and the text of a preview."""

from typing import Any

from django import forms

from annotation.fields import LinesField
from annotation.imports.redaction import MAX_WORD_CHARS, MAX_WORDS
from annotation.models import LogPolicy


class LogPolicyForm(forms.Form):
    is_on = forms.BooleanField(label="Take records", required=False)
    sampling_share = forms.FloatField(
        label="Share that is taken",
        min_value=0,
        max_value=1,
        help_text="1 takes all. A hash of a record’s id decides, so a record that is sent again is"
        " decided alike.",
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )
    skip_equal = forms.BooleanField(
        label="Leave out equal ones",
        required=False,
        help_text="The same prompt and response as a stored record, case and spaces aside.",
    )
    skip_near = forms.BooleanField(
        label="Leave out near prompts",
        required=False,
        help_text="Prompts that are the same, or nearly (Jaccard 0.8), as one that came in while"
        " this was on.",
    )
    words = LinesField(
        label="Words to replace too",
        help_text="One per line, found whole and in any case: names of customers, of products.",
        max_lines=MAX_WORDS,
        max_chars=MAX_WORD_CHARS,
    )

    def __init__(self, *args: Any, policy: LogPolicy, **kwargs: Any) -> None:
        names = ("is_on", "sampling_share", "skip_equal", "skip_near", "words")
        kwargs.setdefault("initial", {name: getattr(policy, name) for name in names})
        super().__init__(*args, **kwargs)


class PreviewForm(forms.Form):
    text = forms.CharField(
        label="A text",
        max_length=20_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5, "dir": "auto", "autocomplete": "off"}),
        error_messages={"required": "Paste a text first."},
    )
