"""What a manager decides about an annotator on the results pages."""

from django import forms

NO_WEIGHT = "Weight: give a number from 0 to 1."


class AnnotatorForm(forms.Form):
    """Weigh their answers, pause them, or let them go on; `back` is the page that asked."""

    action = forms.ChoiceField(choices=[(each, each) for each in ("weight", "pause", "resume")])
    weight = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"), "Weight: give a number from 0 to 1."
        ),
    )
    text = forms.CharField(max_length=4_000, required=False, widget=forms.Textarea)
    back = forms.ChoiceField(choices=[("list", "list"), ("person", "person")], required=False)

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        is_missing = cleaned.get("weight") is None and "weight" not in self.errors
        if cleaned.get("action") == "weight" and is_missing:
            self.add_error("weight", NO_WEIGHT)
        return cleaned
