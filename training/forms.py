"""The launch form, made from an algorithm's dataclass, and the small forms beside it."""

import ast
import dataclasses
import inspect
import secrets
import textwrap
from functools import cache
from typing import Any

from django import forms

from training.engine.configs import ALGORITHMS, ConfigError, RunConfig, load_config
from training.models import Checkpoint
from training.queries import Launch

# What most people look at; the rest folds away.
USUAL = ("beta", "margin", "n", "max_prompts", "max_new_tokens", "temperature") + (
    "epochs",
    "learning_rate",
    "batch_size",
    "max_steps",
    "lora_rank",
)
SPELLED = {"lora": "LoRA", "dtype": "Number format", "n": "Responses for each prompt"}
NOW = "now"  # the choice of freezing a snapshot with the start
NEEDED = {
    "policy": "The model it starts from.",
    "preferences": "Its training split is learnt from, its test split only measured on.",
}


@cache
def help_texts(algorithm: str) -> dict[str, str]:
    """The docstring under each field of an algorithm's config, those of its bases included."""
    config_class = ALGORITHMS[algorithm]
    texts: dict[str, str] = {}
    for base in reversed(config_class.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                texts[field.target.id] = str(below.value.value)
    return texts


def label_of(name: str) -> str:
    if name in SPELLED and name != "lora":
        return SPELLED[name]
    words = [SPELLED.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text[0].upper() + text[1:]


def choices_of(config_class: type[RunConfig], name: str) -> tuple[str, ...] | None:
    """What a text knob may be: the class says it in capitals (dtype in DTYPES, ties in TIES)."""
    for constant in (f"{name.upper()}S", name.upper()):
        found = getattr(config_class, constant, None)
        if isinstance(found, tuple):
            return found
    return None


def plain(value: object) -> object:
    """A number as people write it: 1e-6 and not 1e-06."""
    if isinstance(value, float):
        mantissa, e, exponent = repr(value).partition("e")
        return f"{mantissa}e{int(exponent)}" if e else f"{value:g}"
    return value


class LaunchForm(forms.Form):
    """Everything a run of one algorithm needs; what is wrong is said at the field."""

    request_key = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def __init__(self, *args: Any, page: Launch, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.page = page
        self.config_class = ALGORITHMS[page.algorithm]
        needs = self.config_class.NEEDS
        self.fields["request_key"].initial = secrets.token_urlsafe(24)
        self.source_fields = ["checkpoint"]
        self.fields["checkpoint"] = forms.TypedChoiceField(
            label="Starting checkpoint" if "preferences" in needs else "Checkpoint that answers",
            help_text=NEEDED["policy"] if "preferences" in needs else "Its answers are new ones.",
            choices=[(c.pk, described(c)) for c in page.checkpoints],
            coerce=int,
        )
        if "prompts" in needs:
            self.source_fields.append("opponent")
            self.fields["opponent"] = forms.TypedChoiceField(
                label="Compared with",
                help_text="Its earlier answers are taken where there are some. "
                "Nobody: the new answers are compared with each other.",
                choices=[("", "Nobody"), *((c.pk, described(c)) for c in page.checkpoints)],
                coerce=int,
                empty_value=None,
                required=False,
            )
        if "preferences" in needs:
            self.source_fields.append("snapshot")
            judged = page.judged
            counted = f"{judged['train']} to train on, {judged['test']} to test"
            self.fields["snapshot"] = forms.TypedChoiceField(
                label="Judgements",
                help_text=NEEDED["preferences"],
                initial=NOW,
                choices=[
                    (NOW, f"Freeze what is judged now: {counted}"),
                    *(
                        (
                            s.pk,
                            f"Snapshot {s.number}: {s.counts['train']['pairs']} pairs to train on",
                        )
                        for s in page.snapshots
                    ),
                ],
                coerce=lambda chosen: None if chosen == NOW else int(chosen),
            )
        helps = help_texts(page.algorithm)
        self.knobs = [field.name for field in dataclasses.fields(self.config_class)]
        for field in dataclasses.fields(self.config_class):
            self.fields[field.name] = knob(
                self.config_class, field, helps.get(field.name, ""), page.algorithm
            )

    def sources(self) -> list[forms.BoundField]:
        return [self[name] for name in self.source_fields]

    def usual(self) -> list[forms.BoundField]:
        return [self[name] for name in USUAL if name in self.knobs]

    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in self.knobs if name not in USUAL]

    def others_are_wrong(self) -> bool:
        return any(field.errors for field in self.others())

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        values = {name: cleaned[name] for name in self.knobs if name in cleaned}
        try:
            load_config(self.page.algorithm, values)
        except ConfigError as error:
            self.refuse(error.field, error.message)
        else:
            alone = "opponent" in self.fields and not cleaned.get("opponent")
            if alone and int(values.get("n", 2)) < 2:  # without it, the field says so itself
                self.refuse(
                    "n", "One response has nobody to meet: ask for 2, or say whom to compare with"
                )
        cleaned["config"] = values
        return cleaned

    def refuse(self, field: str, message: str) -> None:
        """Say what is wrong at the field it is about."""
        sentence = message[0].upper() + message[1:]
        self.add_error(
            field if field in self.fields else None,
            sentence if sentence.endswith((".", "!", "?")) else f"{sentence}.",
        )


def knob(
    config_class: type[RunConfig], field: "dataclasses.Field[Any]", text: str, algorithm: str
) -> forms.Field:
    shared: dict[str, Any] = {"label": label_of(field.name), "help_text": text}
    initial = plain(field.default)
    if field.name == "seed" and algorithm == "sample":
        initial = secrets.randbelow(2**31)  # fresh samples, unless the same ones are asked for
    if field.name == "n" and algorithm == "sample":
        initial = 2  # so that there are pairs to judge, with or without an opponent
    shared["initial"] = initial
    if field.type is bool:
        return forms.BooleanField(required=False, **shared)
    if choices := choices_of(config_class, field.name):
        return forms.ChoiceField(choices=[(choice, choice) for choice in choices], **shared)
    mode = {"inputmode": "numeric" if field.type is int else "decimal", "autocomplete": "off"}
    return forms.CharField(widget=forms.TextInput(attrs=mode), max_length=40, **shared)


def described(checkpoint: Checkpoint) -> str:
    if checkpoint.status == Checkpoint.Status.READY:
        return checkpoint.label
    return f"{checkpoint.label} (is fetched first)"


class CheckpointForm(forms.Form):
    """Register weights that are on the server or on a model hub."""

    origin = forms.ChoiceField(
        label="Where it is",
        choices=[
            (Checkpoint.Origin.HUB, "On a model hub"),
            (Checkpoint.Origin.FOLDER, "In a folder on the server"),
        ],
    )
    location = forms.CharField(
        label="Name or folder",
        max_length=500,
        help_text="organisation/name (with @revision if you like), or a whole path. "
        "Only safetensors; nothing that brings its own code.",
    )
    label = forms.CharField(
        max_length=200, required=False, help_text="How it is called here; its own name if empty."
    )
