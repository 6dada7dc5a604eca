"""What annotators send in chat, and what managers set about the models in it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from annotation.models import MAX_CANDIDATES
from annotation.services.conversations import MAX_MESSAGE_CHARS

ELSEWHERE = "-"  # no slug of a model that is served here


class MessageForm(forms.Form):
    text = forms.CharField(
        max_length=MAX_MESSAGE_CHARS,
        strip=False,
        error_messages={
            "required": "Write something first.",
            "max_length": f"Keep a message below {MAX_MESSAGE_CHARS:,} characters.",
        },
    )
    send_key = forms.CharField(max_length=64)

    def clean_text(self) -> str:
        # Browsers send CR LF; as it was typed is also how it is compared and hashed.
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


class ReplyForm(forms.Form):
    """What the conversation goes on with: a place on the screen, an edited text, or the best."""

    go_on = forms.IntegerField(min_value=0, max_value=MAX_CANDIDATES - 1, required=False)
    edited = forms.CharField(
        max_length=100_000,
        strip=False,
        required=False,
        error_messages={"max_length": "Keep the edited answer below 100,000 characters."},
    )

    def clean_edited(self) -> str:
        return str(self.cleaned_data["edited"]).replace("\r\n", "\n")


class ComposerForm(forms.Form):
    """What stands in the composer, as every draft comes: {name: [values]}."""

    draft = forms.CharField(max_length=6 * MAX_MESSAGE_CHARS + 100, strip=False)
    version = forms.IntegerField(min_value=1)

    def clean_draft(self) -> str:
        try:
            text = json.loads(self.cleaned_data["draft"])["text"][0]
        except (ValueError, KeyError, IndexError, TypeError, RecursionError):
            raise forms.ValidationError("A draft is {text: [TEXT]} in JSON.") from None
        if not isinstance(text, str):
            raise forms.ValidationError("A draft is {text: [TEXT]} in JSON.")
        return text


class AskingForm(forms.Form):
    """How a model is asked; what can be changed at any time."""

    candidates = forms.TypedChoiceField(
        label="Answers to each message",
        coerce=int,
        choices=[(0, "none: switched off"), *((n, str(n)) for n in range(1, MAX_CANDIDATES + 1))],
        initial=1,
        help_text="All models together give two or more; with two answers of one model, people "
        "choose between two draws.",
    )
    temperature = forms.FloatField(
        min_value=0,
        max_value=2,
        initial=0.7,
        help_text="0 writes the likeliest words, 1 draws as the model was trained to: small models "
        "wander there.",
    )
    max_tokens = forms.IntegerField(
        label="Longest answer in tokens", min_value=1, max_value=8192, initial=512
    )
    api_key = forms.CharField(
        label="API key",
        max_length=500,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Kept for the requests and never shown again.",
    )


class EndpointForm(AskingForm):
    label = forms.CharField(
        label="Name", max_length=100, help_text="Shown to researchers, never to annotators."
    )
    served = forms.ChoiceField(label="Model")
    address = forms.CharField(
        label="Address",
        max_length=500,
        help_text="Up to the version, as in http://127.0.0.1:8001/v1. Any server with an "
        "OpenAI-style interface: vLLM, transformers serve, a hosted one.",
        widget=forms.URLInput(attrs={"placeholder": "http://127.0.0.1:8001/v1"}),
    )
    model = forms.CharField(label="Name of the model there", max_length=200)

    field_order = ["label", "served", "address", "model", "api_key", "candidates"]

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, offered: Sequence[tuple[str, str]] = ()
    ) -> None:
        super().__init__(data)
        self.offered = dict(offered)
        served = self.fields["served"]
        assert isinstance(served, forms.ChoiceField)
        served.choices = [(ELSEWHERE, "a model at another address"), *offered]
        for name, words in (
            ("address", "Say where the model is: an address such as http://127.0.0.1:8001/v1."),
            ("model", "Say what the model is called there."),
        ):
            self.fields[name].error_messages["required"] = words
            self.fields[name].required = self.data.get("served", ELSEWHERE) == ELSEWHERE

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        chosen = cleaned.get("served")
        if chosen == ELSEWHERE:
            return cleaned | {"served": None}
        if chosen:
            cleaned |= {"served": (chosen, self.offered[chosen])}
            cleaned |= {"address": "", "model": "", "api_key": ""}
        return cleaned
