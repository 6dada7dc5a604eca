"""Loading, running and saving models: a policy (log-probabilities) and a reward model (scores).

Both run on tree batches (`training/engine/data.py`). Weights come from local Hugging Face folders
with safetensors; nothing that could run code is read. Weights are kept in float32; `dtype`
bfloat16 computes in it (autocast), while log-probabilities and scores stay float32.
"""

import copy
import hashlib
import inspect
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from training.engine.data import TreeBatch, end_id, special_ids
from training.engine.flat import FlatParameters
from training.engine.head import HeadFunction
from training.engine.llama import Llama, is_supported
from training.engine.numerics import logprobs_of
from training.engine.products import HAS_BFLOAT16

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".msgpack", ".h5")
SCORING = "ForSequenceClassification"
SCORE_BIAS = "score_bias"  # config key: added to every score, so that their mean is 0


class UnusableModel(ValueError):
    """The folder cannot be used; the message says why and what to do."""


# --- folders ------------------------------------------------------------------------------------


def check_folder(folder: Path) -> None:
    """Refuse a folder that is no model, or that holds anything which could run code."""
    if not (folder / "config.json").is_file():
        raise UnusableModel(f"{folder} is not a model folder: it has no config.json.")
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".py":
            raise UnusableModel(
                f"{folder} holds code ({path.name}), which is never run. Remove it."
            )
        if path.suffix in PICKLES:
            raise UnusableModel(
                f"{folder} holds {path.name}, a format that can run code. "
                "Remove it; weights are read from safetensors only."
            )
    for name in ("config.json", "tokenizer_config.json"):
        path = folder / name
        if path.is_file() and "auto_map" in json.loads(path.read_text(encoding="utf-8")):
            raise UnusableModel(f"{folder}/{name} asks for its own code (auto_map): not supported.")
    if not any(folder.glob("*.safetensors")):
        raise UnusableModel(f"{folder} holds no weights as safetensors.")


def weights_hash(folder: Path | str) -> str:
    """SHA-256 over the weights and the configuration: the identity of what is trained."""
    digest = hashlib.sha256()
    files = sorted(Path(folder).glob("*.safetensors"))
    for path in [*files, Path(folder) / "config.json"]:
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


def load_tokenizer(folder: Path | str) -> PreTrainedTokenizerBase:
    """The tokenizer, with a PAD token that is not the token that ends a response."""
    folder = Path(folder)
    check_folder(folder)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id, end_id(tokenizer)):
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(spare_id(tokenizer))
    return tokenizer


def spare_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """An id of the vocabulary to pad with: a special token if one is free, else the last id.

    Only the saved reward model's readers look at it ("the last token that is not PAD"); masks here
    come from lengths.
    """
    taken = {tokenizer.eos_token_id, tokenizer.bos_token_id, end_id(tokenizer)}
    free = sorted(special_ids(tokenizer) - taken)
    names = {i: str(tokenizer.convert_ids_to_tokens(i)).lower() for i in free}
    for hint in ("pad", "endoftext", "unk", "reserved"):
        for i in free:
            if hint in names[i]:
                return i
    return free[0] if free else max(set(range(len(tokenizer))) - taken)


def resolve_dtype(name: str) -> torch.dtype:
    """`auto`: bfloat16 where the processor computes in it, else float32."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
        return torch.bfloat16 if HAS_BFLOAT16 else torch.float32
    return {"bfloat16": torch.bfloat16, "float32": torch.float32}[name]


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


# --- models -------------------------------------------------------------------------------------


def is_plain_causal(trunk: PreTrainedModel) -> bool:
    """Whether attention is decided by mask and positions alone, so that trees are possible."""
    config = trunk.config
    parameters = inspect.signature(trunk.forward).parameters
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    sliding = getattr(config, "sliding_window", None) and getattr(
        config, "use_sliding_window", True
    )
    return (
        {"attention_mask", "position_ids"} <= parameters.keys()
        and set(layers) == {"full_attention"}
        and not sliding
        and not getattr(config, "alibi", False)
    )


def tree_mask(batch: TreeBatch) -> Tensor:
    """(N, N), true where the row's token sees the column's: the root or the same tree, not later,
    no sibling."""
    count = len(batch.ids)
    segments = torch.empty(count, dtype=torch.long)
    trees = torch.empty(count, dtype=torch.long)
    prompt = torch.zeros(count, dtype=torch.bool)
    segment = 0
    for number, tree in enumerate(batch.trees):
        end = tree.start + tree.prompt_length
        prompt[tree.start : end] = True
        for here, length in zip(
            [tree.start, *offsets(end, tree.response_lengths)],
            [tree.prompt_length, *tree.response_lengths],
            strict=True,
        ):
            segments[here : here + length] = segment
            trees[here : here + length] = number
            segment += 1
    segments[: batch.root] = trees[: batch.root] = -1
    same = segments[:, None] == segments[None, :]
    own_prompt = (trees[:, None] == trees[None, :]) & prompt[None, :]
    own_prompt[:, : batch.root] = True
    return ((same | own_prompt).tril()).to(batch.ids.device)


def offsets(start: int, lengths: tuple[int, ...]) -> list[int]:
    starts = []
    for length in lengths:
        starts.append(start)
        start += length
    return starts


def padded_rows(batch: TreeBatch) -> tuple[Tensor, Tensor, Tensor]:
    """One row a response, padded on the right: places (R, L) in N, mask (R, L), and for each of
    the N tokens its place in the flattened rows."""
    rows: list[list[int]] = []
    for tree in batch.trees:
        prompt_end = tree.start + tree.prompt_length
        prompt = [*range(batch.root), *range(tree.start, prompt_end)]
        for here, length in zip(
            offsets(prompt_end, tree.response_lengths), tree.response_lengths, strict=True
        ):
            rows.append([*prompt, *range(here, here + length)])
    width = max(map(len, rows))
    places = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    back = torch.zeros(len(batch.ids), dtype=torch.long)
    for number, row in enumerate(rows):
        places[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
        back[row] = torch.arange(len(row)) + number * width
    where = batch.ids.device
    return places.to(where), mask.to(where), back.to(where)


class Model:
    """What a policy and a reward model share: a trunk that turns N tokens into (N, d) states."""

    def __init__(
        self,
        network: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        dtype: torch.dtype,
        layout: str,
    ) -> None:
        self.network = network
        self.tokenizer = tokenizer
        self.dtype = dtype
        self.trunk = cast(PreTrainedModel, network.base_model)
        self.layout = layout if is_plain_causal(self.trunk) else "padded"
        self.is_adapted = False
        turn_dropout_off(network)
        self.device = next(network.parameters()).device
        self.fast: Llama | None = None

    def adapt(self, rank: int, alpha: float) -> None:
        """Freeze the network and add low-rank adapters to the linear layers of its trunk."""
        if rank:
            self.network.requires_grad_(False)
            knobs: dict[str, Any] = {"r": rank, "lora_alpha": alpha}  # peft takes a float, untyped
            config = LoraConfig(**knobs, lora_dropout=0.0, target_modules="all-linear")
            inject_adapter_in_model(config, self.trunk)
            self.is_adapted = True

    def speed_up(self) -> None:
        """Run the trunk by our own code if it is a Llama all of whose weights are trained.

        Its parameters move into flat buffers: call it after everything was loaded.
        """
        if self.layout == "tree" and not self.is_adapted and is_supported(self.trunk):
            named = self.network.named_parameters()
            self.fast = Llama(self.trunk, FlatParameters(named, self.dtype))

    def renew(self) -> None:
        """To be called after parameters were changed by anyone but the optimizer."""
        if self.fast is not None:
            self.fast.flat.renew()

    def states(self, batch: TreeBatch, places: Tensor, last: str) -> Tensor:
        """The trunk's last states at `places` (M,), which differ: (M, d).

        `last` is "predict" or "ends", whichever of the batch's tokens `places` are among.
        """
        if self.fast is not None:
            return self.fast.hidden(batch, places, last)
        return self.hidden(batch)[places]

    def hidden(self, batch: TreeBatch) -> Tensor:
        """The trunk's last states (N, d), computed by transformers."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            if self.layout == "tree":
                output = self.trunk(
                    input_ids=batch.ids[None],
                    position_ids=batch.position_ids[None],
                    attention_mask=tree_mask(batch)[None, None],
                    use_cache=False,
                )
                states: Tensor = output.last_hidden_state[0]
            else:
                places, mask, back = padded_rows(batch)
                output = self.trunk(
                    input_ids=batch.ids[places], attention_mask=mask, use_cache=False
                )
                states = output.last_hidden_state.flatten(0, 1)[back]
        return states

    def trainable(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]

    def gradients(self) -> dict[str, Tensor]:
        """What the backward passes since the last update added up to, by parameter."""
        if self.fast is not None:
            flat = self.fast.flat
            flat.complete_gradients()
            return {name: flat.gradient(p).view_as(p) for name, p in flat.named}
        return {name: p.grad for name, p in self.trainable() if p.grad is not None}

    @contextmanager
    def reference(self) -> Iterator[None]:
        """Within: the network as it was before its adapters learnt anything."""
        if not self.is_adapted:
            raise RuntimeError("only a network with adapters still holds its reference")
        layers = [m for m in self.network.modules() if isinstance(m, BaseTunerLayer)]
        for layer in layers:
            layer.enable_adapters(False)
        try:
            yield
        finally:
            for layer in layers:
                layer.enable_adapters(True)

    def merged(self) -> PreTrainedModel:
        """The network with its adapters, if any, added into its weights (then a copy)."""
        if not self.is_adapted:
            return self.network
        network = copy.deepcopy(self.network)
        for name, layer in list(network.named_modules()):
            if isinstance(layer, BaseTunerLayer):
                layer.merge()
                parent, _, attribute = name.rpartition(".")
                setattr(network.get_submodule(parent), attribute, layer.get_base_layer())
        network.requires_grad_(True)
        return network

    def save_model(self, folder: Path | str) -> None:
        """Write a complete Hugging Face folder: merged weights, configuration, tokenizer."""
        network = self.merged()
        network.save_pretrained(folder, safe_serialization=True)
        self.tokenizer.save_pretrained(folder)


class Policy(Model):
    def logprobs(self, batch: TreeBatch, temperature: float = 1.0) -> Tensor:
        """log π(target | what stands before it) for every response token: (M,) float32."""
        # The head is applied where it is needed only.
        places, row = batch.predict.unique(return_inverse=True)
        states = self.states(batch, places, "predict")
        head = self.network.get_output_embeddings()
        if self.fast is not None and head.bias is None:
            run: Callable[..., Tensor] = HeadFunction.apply
            return run(states, self.fast.flat, head.weight, row, batch.target, temperature)
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits = head(states)
        return logprobs_of(logits[row], batch.target, temperature)


class RewardModel(Model):
    @property
    def head(self) -> nn.Linear:
        head = self.network.score
        assert isinstance(head, nn.Linear)
        return head

    @property
    def bias(self) -> float:
        """Added to every score; differences do not feel it."""
        return float(getattr(self.network.config, SCORE_BIAS, 0.0))

    @bias.setter
    def bias(self, value: float) -> None:
        setattr(self.network.config, SCORE_BIAS, value)

    def scores(self, batch: TreeBatch) -> Tensor:
        """The score at the last token of each response: (R,) float32."""
        states = self.states(batch, batch.last, "ends").float()
        return (states @ self.head.weight.float().T).squeeze(1) + self.bias


def turn_dropout_off(network: nn.Module) -> None:
    """Dropout would make the ratio to the reference differ from 1 before anything is learnt."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    for name, value in vars(network.config).items():  # read by attention while training
        if name.endswith(("dropout", "pdrop")) and isinstance(value, float):
            setattr(network.config, name, 0.0)
    for module in network.modules():
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0  # type: ignore[assignment]


def load_policy(
    folder: Path | str,
    dtype: str = "auto",
    lora_rank: int = 0,
    lora_alpha: float = 16.0,
    layout: str = "tree",
) -> Policy:
    """A policy from a local folder; raise UnusableModel if it is none."""
    tokenizer = load_tokenizer(folder)
    if is_reward_model(folder):
        raise UnusableModel(f"{folder} is a reward model: it scores responses and writes none.")
    network: PreTrainedModel = read(AutoModelForCausalLM, folder, new=frozenset())
    network.config.pad_token_id = tokenizer.pad_token_id
    policy = Policy(network, tokenizer, resolve_dtype(dtype), layout)
    policy.adapt(lora_rank, lora_alpha)
    policy.speed_up()
    return policy


def load_reward(
    folder: Path | str,
    dtype: str = "auto",
    lora_rank: int = 0,
    lora_alpha: float = 16.0,
    layout: str = "tree",
    seed: int = 0,
) -> RewardModel:
    """A reward model from a reward model's folder, or from a policy's with a new head.

    The new head is N(0, 1/√(d+1)) (Stiennon et al. 2020) and depends on `seed` alone.
    """
    tokenizer = load_tokenizer(folder)
    new = frozenset() if is_reward_model(folder) else frozenset({"score.weight"})
    network: PreTrainedModel = read(AutoModelForSequenceClassification, folder, new, num_labels=1)
    network.config.pad_token_id = tokenizer.pad_token_id
    reward = RewardModel(network, tokenizer, resolve_dtype(dtype), layout)
    if new:
        width = reward.head.in_features
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn(1, width, generator=generator) / math.sqrt(width + 1)
        with torch.no_grad():
            reward.head.weight.copy_(drawn)
    reward.adapt(lora_rank, lora_alpha)
    reward.head.requires_grad_(True)
    reward.speed_up()
    return reward


def is_reward_model(folder: Path | str) -> bool:
    config = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
    return any(name.endswith(SCORING) for name in config.get("architectures") or [])


def read(auto_class: Any, folder: Path | str, new: frozenset[str], **options: Any) -> Any:
    """The network, all of whose weights but `new` come from the folder; else UnusableModel."""
    try:
        network, report = auto_class.from_pretrained(
            Path(folder),
            dtype=torch.float32,
            attn_implementation="sdpa",
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise UnusableModel(f"{folder} cannot be loaded: {error}") from error
    if missing := sorted(set(report["missing_keys"]) - new):
        raise UnusableModel(
            f"{folder} lacks {len(missing)} of the model's weights, such as {missing[0]}: "
            "they would be random. Fetch or convert it again."
        )
    return network.to(device())
