"""The knobs of every algorithm: frozen dataclasses that refuse nonsense.

Standard library only: the web makes its forms from these and checks them before a run starts.
The docstring under a field is its help text.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar


class ConfigError(ValueError):
    """A knob is unknown or out of range; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def check(condition: bool, field: str, message: str) -> None:
    if not condition:
        raise ConfigError(field, message)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What every run has."""

    seed: int = 0
    """Everything random in the run follows from it."""
    dtype: str = "auto"
    """auto, bfloat16 or float32. auto: bfloat16 if the processor computes in it, else float32."""

    LABEL: ClassVar[str] = ""
    NEEDS: ClassVar[tuple[str, ...]] = ()
    DTYPES: ClassVar[tuple[str, ...]] = ("auto", "bfloat16", "float32")

    def __post_init__(self) -> None:
        check(0 <= self.seed < 2**31, "seed", "must lie between 0 and 2147483647")
        check(self.dtype in self.DTYPES, "dtype", f"must be one of {', '.join(self.DTYPES)}")


@dataclass(frozen=True, kw_only=True)
class TrainConfig(RunConfig):
    """What every run that trains has."""

    epochs: int = 1
    """How often each comparison is seen."""
    max_steps: int = 0
    """Stop after this many steps; 0 means after the epochs."""
    batch_size: int = 4
    """Prompts (with all their responses) a step."""
    learning_rate: float = 1e-6
    """Peak learning rate of AdamW."""
    warmup_share: float = 0.1
    """Share of the steps over which the learning rate rises from 0."""
    schedule: str = "linear"
    """linear: falls to 0 at the end. constant: stays."""
    weight_decay: float = 0.0
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm; 0 means never."""
    max_length: int = 1024
    """Longest prompt + response in tokens; longer ones are left out and counted."""
    lora_rank: int = 0
    """0 tunes every weight; above, low-rank adapters of this rank on the linear layers."""
    lora_alpha: float = 16.0
    """Scale of the adapters (alpha / rank multiplies their output)."""
    checkpoint_every: int = 50
    """Save a complete checkpoint every so many steps (and at the end); 0 means only at the end."""
    keep_checkpoints: int = 2
    """How many checkpoints to resume from are kept."""
    evaluate_every: int = 0
    """Evaluate on the test split every so many steps; 0 means before and after only."""
    layout: str = "tree"
    """tree: the prompt once, its responses beside each other. padded: one row a response."""

    LAYOUTS: ClassVar[tuple[str, ...]] = ("tree", "padded")
    SCHEDULES: ClassVar[tuple[str, ...]] = ("linear", "constant")

    def __post_init__(self) -> None:
        super().__post_init__()
        check(1 <= self.epochs <= 1000, "epochs", "must lie between 1 and 1000")
        check(self.max_steps >= 0, "max_steps", "must not be negative")
        check(1 <= self.batch_size <= 4096, "batch_size", "must lie between 1 and 4096")
        check(0 < self.learning_rate <= 1, "learning_rate", "must be positive and at most 1")
        check(0 <= self.warmup_share < 1, "warmup_share", "must be at least 0 and below 1")
        check(
            self.schedule in self.SCHEDULES,
            "schedule",
            f"must be one of {', '.join(self.SCHEDULES)}",
        )
        check(self.weight_decay >= 0, "weight_decay", "must not be negative")
        check(self.max_grad_norm >= 0, "max_grad_norm", "must not be negative")
        check(8 <= self.max_length <= 131072, "max_length", "must lie between 8 and 131072")
        check(0 <= self.lora_rank <= 1024, "lora_rank", "must lie between 0 and 1024")
        check(self.lora_alpha > 0, "lora_alpha", "must be positive")
        check(self.checkpoint_every >= 0, "checkpoint_every", "must not be negative")
        check(self.keep_checkpoints >= 1, "keep_checkpoints", "must be at least 1")
        check(self.evaluate_every >= 0, "evaluate_every", "must not be negative")
        check(self.layout in self.LAYOUTS, "layout", f"must be one of {', '.join(self.LAYOUTS)}")


@dataclass(frozen=True, kw_only=True)
class RewardConfig(TrainConfig):
    """Reward model: learns a score per response from preferences (Bradley–Terry)."""

    LABEL: ClassVar[str] = "Reward model"
    NEEDS: ClassVar[tuple[str, ...]] = ("policy", "preferences")

    learning_rate: float = 1e-5
    """Peak learning rate of AdamW."""
    centering: float = 0.01
    """Weight of mean((r_a + r_b)²), which keeps scores around zero."""
    margin: float = 0.0
    """Score difference asked for per point of strength (Llama 2's margin); 0 ignores strength."""
    ties: str = "soft"
    """soft: a tie is a preference of one half. drop: ties are left out."""

    TIES: ClassVar[tuple[str, ...]] = ("soft", "drop")

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.centering >= 0, "centering", "must not be negative")
        check(self.margin >= 0, "margin", "must not be negative")
        check(self.ties in self.TIES, "ties", f"must be one of {', '.join(self.TIES)}")


@dataclass(frozen=True, kw_only=True)
class DPOConfig(TrainConfig):
    """Direct preference optimisation: trains the policy on preferences, without a reward model."""

    LABEL: ClassVar[str] = "DPO"
    NEEDS: ClassVar[tuple[str, ...]] = ("policy", "preferences")

    beta: float = 0.1
    """How hard the policy is held to the model it starts from."""
    label_smoothing: float = 0.0
    """Share of preferences assumed to be flipped (cDPO)."""
    ties: str = "drop"
    """soft: a tie is a preference of one half. drop: ties are left out."""

    TIES: ClassVar[tuple[str, ...]] = ("soft", "drop")

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.beta > 0, "beta", "must be positive")
        check(
            0 <= self.label_smoothing < 0.5, "label_smoothing", "must be at least 0 and below 0.5"
        )
        check(self.ties in self.TIES, "ties", f"must be one of {', '.join(self.TIES)}")


@dataclass(frozen=True, kw_only=True)
class SampleConfig(RunConfig):
    """Sampling: the checkpoint answers the project's prompts; the answers are then queued."""

    LABEL: ClassVar[str] = "Sample"
    NEEDS: ClassVar[tuple[str, ...]] = ("policy", "prompts")

    n: int = 1
    """Responses for each prompt."""
    max_prompts: int = 32
    """How many prompts are answered, half of them (if there are) from the test split."""
    max_new_tokens: int = 256
    """Longest response in tokens; a response cut there is marked as truncated."""
    temperature: float = 0.7
    """1 samples from the model as it is; lower is safer and less varied; 0 takes the likeliest."""
    batch_size: int = 16
    """Responses written at the same time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(1 <= self.n <= 64, "n", "must lie between 1 and 64")
        check(1 <= self.max_prompts <= 1_000_000, "max_prompts", "must lie between 1 and 1000000")
        check(1 <= self.max_new_tokens <= 32768, "max_new_tokens", "must lie between 1 and 32768")
        check(0 <= self.temperature <= 5, "temperature", "must lie between 0 and 5")
        check(1 <= self.batch_size <= 1024, "batch_size", "must lie between 1 and 1024")


ALGORITHMS: dict[str, type[RunConfig]] = {
    "reward": RewardConfig,
    "dpo": DPOConfig,
    "sample": SampleConfig,
}


def load_config(algorithm: str, values: dict[str, Any]) -> RunConfig:
    """Build the config of an algorithm; raise ConfigError, naming the field, on any bad knob."""
    if algorithm not in ALGORITHMS:
        raise ConfigError("algorithm", f"must be one of {', '.join(ALGORITHMS)}, not {algorithm!r}")
    config_class = ALGORITHMS[algorithm]
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    coerced: dict[str, Any] = {}
    for name, value in values.items():
        check(name in fields, name, f"is not a setting of {algorithm}")
        coerced[name] = coerce(name, value, fields[name].type)
    return config_class(**coerced)


def coerce(name: str, value: Any, kind: Any) -> Any:
    """`value`, which may be text from a form or a command line, as int, float, bool or str."""
    if kind is bool:
        if isinstance(value, bool):
            return value
        check(
            str(value).lower() in ("true", "false", "1", "0", "on", "off"),
            name,
            "must be true or false",
        )
        return str(value).lower() in ("true", "1", "on")
    if kind is int:
        try:
            number = int(str(value)) if not isinstance(value, float) else int(value)
        except ValueError:
            raise ConfigError(name, f"must be a whole number, not {value!r}") from None
        check(
            not isinstance(value, (bool, float)) or number == value, name, "must be a whole number"
        )
        return number
    if kind is float:
        try:
            real = float(value)
        except (TypeError, ValueError):
            raise ConfigError(name, f"must be a number, not {value!r}") from None
        check(real == real and abs(real) != float("inf"), name, "must be a finite number")
        return real
    return str(value)
