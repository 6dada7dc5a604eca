"""What people send about notices, and to each other."""

from django import forms


class AcknowledgeForm(forms.Form):
    """A version of the guidelines that was read."""

    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)


class CommentForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=4_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write something first."},
    )


class PersonForm(forms.Form):
    """What a manager does about a person: comment, pause with a message, or let go on."""

    action = forms.ChoiceField(choices=[(each, each) for each in ("comment", "pause", "resume")])
    text = forms.CharField(max_length=4_000, required=False, widget=forms.Textarea)

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        if cleaned.get("action") != "resume" and not cleaned.get("text"):
            self.add_error("text", "Write something first.")
        return cleaned
