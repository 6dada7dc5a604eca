"""What a researcher sends to have items built."""

from typing import Any

from django import forms

from annotation.builders import STRATEGIES
from annotation.models import Project
from annotation.services.balancing import targets_of
from annotation.services.building import scorers_of
from annotation.task_types import TASK_TYPES

MAX_ITEMS = 500  # while somebody waits for the page; the command builds more
TOO_MANY = f"At most {MAX_ITEMS} at once; manage.py build_items makes more."


class BuildForm(forms.Form):
    """`task_type` is the project's; a field with one choice only is left out."""

    strategy = forms.ChoiceField(
        label="Which responses meet",
        choices=[(slug, strategy.LABEL) for slug, strategy in STRATEGIES.items()],
        initial="several_sources",
    )
    k = forms.IntegerField(label="Responses an item", initial=2)
    count = forms.IntegerField(
        label="Items, at most",
        min_value=1,
        max_value=MAX_ITEMS,
        initial=100,
        error_messages={"max_value": TOO_MANY},
        help_text="One a prompt. What was asked before is not asked again.",
    )
    control_share = forms.FloatField(
        label="Share of the control arm",
        min_value=0,
        max_value=1,
        initial=0.2,
        help_text=(
            "Of these items, prompt and responses are drawn at random: only they stand for the"
            " responses as a whole."
        ),
        widget=forms.NumberInput(attrs={"step": "0.05"}),
    )
    scorer = forms.ChoiceField(
        label="Scores of", required=False, help_text="For the strategies that need a reward model."
    )

    balance = forms.BooleanField(
        label="Balance categories",
        required=False,
        help_text="What is chosen moves the categories towards their target shares.",
    )
    batch = forms.CharField(
        max_length=100,
        required=False,
        help_text="A new name, or one of a batch: its people and its priority hold.",
        widget=forms.TextInput(attrs={"list": "batch-names", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = TASK_TYPES[project.task_type]
        fewest = max(kind.MIN_RESPONSES, 1)
        if fewest >= kind.MAX_RESPONSES:
            del self.fields["k"]
        else:
            self.fields["k"] = forms.IntegerField(
                label="Responses an item",
                min_value=fewest,
                max_value=kind.MAX_RESPONSES,
                initial=max(fewest, 2),
            )
        self.only_k = fewest
        scorers = scorers_of(project)
        if len(scorers) < 2:
            del self.fields["scorer"]
        else:
            field = self.fields["scorer"]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [(scorer, scorer) for scorer in scorers]
        if not targets_of(project):
            del self.fields["balance"]
        order = ["strategy", "k", "count", "control_share", "scorer", "balance", "batch"]
        self.order_fields(order)

    def wish(self) -> dict[str, Any]:
        """As `services.build_items` takes it."""
        cleaned = self.cleaned_data
        return {
            "strategy": cleaned["strategy"],
            "k": cleaned.get("k", self.only_k),
            "count": cleaned["count"],
            "control_share": cleaned["control_share"],
            "scorer": cleaned.get("scorer", ""),
            "balance": cleaned.get("balance", False),
        }
