"""What people choose about their own account."""

from django import forms


class TokenForm(forms.Form):
    days = forms.TypedChoiceField(
        label="Works for",
        coerce=int,
        choices=[(30, "30 days"), (90, "90 days"), (365, "a year"), (0, "as long as you keep it")],
        initial=90,
    )


class WeeklyMailForm(forms.Form):
    weekly = forms.TypedChoiceField(
        coerce=lambda value: value == "yes", choices=[("yes", "yes"), ("no", "no")]
    )
