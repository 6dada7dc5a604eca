"""What managers say about an invitation, and what somebody who comes by one chooses."""

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from annotation.models import Membership


class InvitationForm(forms.Form):
    role = forms.ChoiceField(choices=Membership.Role.choices, initial=Membership.Role.ANNOTATOR)
    email = forms.EmailField(label="E-mail address", required=False, max_length=254)
    max_people = forms.IntegerField(
        label="For how many people",
        min_value=1,
        max_value=500,
        initial=1,
        error_messages={
            "required": "Say for how many people: 1 to 500.",
            "min_value": "At least one person.",
            "max_value": "At most 500 people; make a second link for more.",
        },
    )
    days = forms.IntegerField(
        label="Days it works",
        min_value=1,
        max_value=90,
        initial=7,
        error_messages={
            "required": "Say for how many days: 1 to 90.",
            "min_value": "At least one day.",
            "max_value": "At most 90 days.",
        },
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("email") and cleaned.get("max_people", 1) > 1:
            self.add_error(
                "max_people", "An invitation to one address is for one person. Leave one out."
            )
        return cleaned


class JoinForm(forms.Form):
    """A name and a password for a new account."""

    username = forms.CharField(
        label="Username",
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text="Letters, digits and @ . + - _. Others in the project see it.",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=4096,
        help_text="At least 12 characters, and not one that many people use.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="Password again",
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean_username(self) -> str:
        return str(User.normalize_username(self.cleaned_data["username"]))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        password = cleaned.get("password")
        if password:
            person = User(username=cleaned.get("username", ""), email=self.email)
            try:
                validate_password(password, person)
            except ValidationError as refusal:
                self.add_error("password", refusal)
            if "again" in cleaned and cleaned["again"] != password:
                self.add_error("again", "The two passwords differ. Type the same one twice.")
        return cleaned
