"""What researchers set about gold."""

from typing import TYPE_CHECKING, Any

from django import forms

from annotation.models import Gold, GoldPolicy

if TYPE_CHECKING:
    PolicyModelForm = forms.ModelForm[GoldPolicy]
else:
    PolicyModelForm = forms.ModelForm  # generic for the type checker only


class GoldKindForm(forms.Form):
    kind = forms.ChoiceField(choices=Gold.Kind.choices)


class PolicyForm(PolicyModelForm):
    """`training` is how many training items the project has."""

    class Meta:
        model = GoldPolicy
        fields = ("hidden_share", "pause_below", "training_items", "pass_share", "tries")
        labels = {
            "training_items": "Training items first",
            "pass_share": "Share that has to agree",
            "tries": "Tries",
            "hidden_share": "Share of hidden gold",
            "pause_below": "Pause below",
        }

    def __init__(self, *args: Any, training: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.training = training

    def clean_training_items(self) -> int:
        items: int = self.cleaned_data["training_items"]
        if items > self.training:
            raise forms.ValidationError(
                f"There are {self.training} training items. Make more, or ask for fewer."
            )
        return items
