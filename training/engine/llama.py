"""The decoder layers of a Llama over packed tree rows, with the backward pass written by hand.

    x ← x + Wo · attention(rope(Wq n), rope(Wk n), Wv n)     n = norm(x)
    x ← x + Wd · (silu(Wg n) ⊙ Wu n)                         n = norm(x)

(Touvron et al. 2023, arXiv:2302.13971; norm is RMSNorm, Zhang and Sennrich 2019.)

Why by hand: on a processor, a 135M model spends half its time outside matrix products when run
operation by operation. Here Wq, Wk, Wv are one product and Wg, Wu another; what is cheap is
computed again instead of kept; weight gradients are written where the optimizer reads them; and
the last layer works on the tokens whose states are read only. Matrix products run in the compute
dtype, the residual stream, norms and sums over tokens in float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from training.engine.arena import Arena
from training.engine.attention import attention_for
from training.engine.data import TreeBatch
from training.engine.flat import FlatParameters
from training.engine.kernels import plain
from training.engine.kernels.plain import Rotation, Take
from training.engine.products import product

GAP = 32  # numbers between two rows that would else lie a multiple of 2048 bytes apart


def is_supported(trunk: PreTrainedModel) -> bool:
    """Whether `trunk` is a plain Llama: no biases, SiLU, every weight its own tensor."""
    config = trunk.config
    return (
        config.model_type == "llama"
        and config.hidden_act == "silu"
        and not config.attention_bias
        and not config.mlp_bias
    )


@dataclass
class Layer:
    """One decoder layer's weights in the compute dtype and where their gradients go.

    Weights that share an input lie side by side; the norms' gains are float32.
    """

    qkv: Tensor  # ((H + 2G) D, d)
    o: Tensor  # (d, H D)
    gate_up: Tensor  # (2 f, d)
    down: Tensor  # (d, f)
    norm1: Tensor  # (d,)
    norm2: Tensor  # (d,)


@dataclass
class Kept:
    """What a layer keeps of its forward pass for its backward pass; M ≤ N rows after attention."""

    n1: Tensor  # (N, d) x / rms(x)
    r1: Tensor  # (N, 1) 1 / rms(x), float32
    qkv: Tensor  # (N, H + 2G, D), queries and keys rotated
    attention: Any  # what attention wants back
    attended: Tensor  # (M, H D)
    n2: Tensor  # (M, d)
    r2: Tensor  # (M, 1)
    gate_up: Tensor  # (M, 2 f)


class Llama:
    """The trunk of a Hugging Face Llama, run over tree batches.

    `flat` holds the weights in the compute dtype and takes the gradients (`flat.py`).
    """

    def __init__(self, trunk: Any, flat: FlatParameters) -> None:
        config = trunk.config
        self.flat = flat
        self.eps: float = config.rms_norm_eps
        self.heads: int = config.num_attention_heads
        self.groups: int = config.num_key_value_heads
        self.size: int = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.rotary = trunk.rotary_emb
        self.kernels = flat.kernels
        self.attention = attention_for(self.heads, self.groups, flat.weights.device, flat.dtype)
        self.embedding: nn.Parameter = trunk.embed_tokens.weight
        self.gain: nn.Parameter = trunk.norm.weight
        self.modules = list(trunk.layers)
        self.layers = [self.pick(layer, flat.weight) for layer in self.modules]

    def pick(self, layer: Any, view: Callable[..., Tensor]) -> Layer:
        attention, mlp = layer.self_attn, layer.mlp
        return Layer(
            qkv=view(attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight),
            o=view(attention.o_proj.weight),
            gate_up=view(mlp.gate_proj.weight, mlp.up_proj.weight),
            down=view(mlp.down_proj.weight),
            norm1=view(layer.input_layernorm.weight),
            norm2=view(layer.post_attention_layernorm.weight),
        )

    def rotation(self, position_ids: Tensor) -> Rotation:
        """How the queries and keys of these tokens are turned; queries carry attention's 1/√D."""
        like = torch.empty(0, dtype=torch.float32, device=position_ids.device)
        waves = self.rotary(like, position_ids[None])
        cos, sin = (wave[0, :, : self.size // 2].contiguous() for wave in waves)
        return Rotation(cos, sin, self.heads + self.groups, self.heads, self.size**-0.5)

    # --- forward ---------------------------------------------------------------------------------

    def hidden(self, batch: TreeBatch, read: Tensor, last: str) -> Tensor:
        """The normed states at the places `read` (M,) of the batch: (M, d) float32.

        `last` names what the last layer must attend from (`attention.plan`).
        """
        if not torch.is_grad_enabled():
            return self.forward(batch, read, last, None)[0]
        run: Callable[..., Tensor] = TrunkFunction.apply
        return run(self.embedding, self, batch, read, last)

    def forward(
        self,
        batch: TreeBatch,
        read: Tensor,
        last: str,
        arena: Arena | None,
        seen: Callable[[int, Tensor], None] | None = None,
    ) -> tuple[Tensor, list[Kept], tuple[Tensor, Tensor]]:
        """The states and, where there is an `arena` to keep it in, what `backward` needs.

        `seen` is shown each layer's number and rotated queries, keys and values (N, H + 2G, D).
        """
        dtype, ops = self.flat.dtype, self.kernels
        x = F.embedding(batch.ids, self.embedding)
        rotation = self.rotation(batch.position_ids)
        plan, last_plan = (self.attention.plan(batch, which) for which in ("all", last))
        kept: list[Kept] = []
        keep = arena.take if arena else None
        added: Tensor | None = None  # what the layer before adds to x
        for number, layer in enumerate(self.layers):
            is_last = number == len(self.layers) - 1
            a, n1, r1 = ops.add_norm(x, added, layer.norm1, self.eps, dtype, keep)
            qkv = self.multiply(a, layer.qkv, keep).view(len(x), -1, self.size)
            ops.rotate(qkv, rotation)
            if seen is not None:
                seen(number, qkv)
            attended = (keep or a.new_empty)(len(x), self.heads, self.size, dtype=dtype)
            attention = self.attention.forward(qkv, last_plan if is_last else plan, attended, arena)
            if is_last:
                x, attended = x[read], attended[read]
            attended = attended.flatten(1)
            added = self.multiply(attended, layer.o, keep and a.new_empty)
            a, n2, r2 = ops.add_norm(x, added, layer.norm2, self.eps, dtype, keep)
            gate_up = self.multiply(a, layer.gate_up, keep)
            added = self.multiply(ops.swiglu(gate_up), layer.down, keep and a.new_empty)
            if arena:
                kept.append(Kept(n1, r1, qkv, attention, attended, n2, r2, gate_up))
        out, _, r = plain.add_norm(x, added, self.gain, self.eps, torch.float32, None)
        return out, kept, (x.mul_(r), r)

    def multiply(self, x: Tensor, weight: Tensor, take: Take | None) -> Tensor:
        """x Wᵀ, in memory from `take`; without it, in a pass that trains nothing, by W packed."""
        if take is None:
            return self.flat.packed(weight, len(x))(x)
        return product(x, weight.t(), take(len(x), len(weight), dtype=x.dtype))

    # --- backward --------------------------------------------------------------------------------

    def backward(
        self,
        batch: TreeBatch,
        read: Tensor,
        last: str,
        kept: list[Kept],
        final: tuple[Tensor, Tensor],
        grad: Tensor,
    ) -> None:
        """Add the weights' gradients, given that of the states, to `flat`; uses up `kept`."""
        dtype, ops = self.flat.dtype, self.kernels
        gradient = self.flat.gradient
        rotation = self.rotation(batch.position_ids)
        plan, last_plan = (self.attention.plan(batch, which) for which in ("all", last))
        dx = torch.zeros_like(grad)
        dy = plain.add_norm_backward(dx, grad, *final, self.gain, gradient(self.gain)).to(dtype)
        for number in reversed(range(len(self.layers))):
            layer, k = self.layers[number], kept.pop()
            into = self.pick(self.modules[number], gradient)
            is_last = number == len(self.layers) - 1
            # MLP
            dh = product(dy, layer.down)
            width = k.gate_up.shape[1]
            # Rows at such distances fall on the same few lines of the cache when read by column.
            d_gate_up = dy.new_empty(len(dy), width + GAP)[:, :width]
            self.flat.add_product(into.down, dy, ops.swiglu_backward(k.gate_up, dh, d_gate_up))
            self.flat.add_product(into.gate_up, d_gate_up, k.n2 * layer.norm2.to(dtype))
            da = product(d_gate_up, layer.gate_up)
            dy = ops.add_norm_backward(dx, da, k.n2, k.r2, layer.norm2, into.norm2)
            # attention
            self.flat.add_product(into.o, dy, k.attended)
            d_attended = product(dy, layer.o).view(len(dy), self.heads, self.size)
            if is_last:
                d_attended = spread(d_attended, read, len(batch.ids))
                dx = spread(dx, read, len(batch.ids))
            d_turned = self.attention.backward(
                k.qkv, last_plan if is_last else plan, k.attention, d_attended
            )
            dqkv = ops.rotate_back(d_turned, rotation, dtype).flatten(1)
            self.flat.add_product(into.qkv, dqkv, k.n1 * layer.norm1.to(dtype))
            da = product(dqkv, layer.qkv)
            dy = ops.add_norm_backward(dx, da, k.n1, k.r1, layer.norm1, into.norm1)
        self.flat.add_rows(self.embedding, batch.ids, dx)


def spread(x: Tensor, places: Tensor, count: int) -> Tensor:
    """(M, …) → (count, …) with the rows of `x` at `places`, which differ, and zeros elsewhere."""
    full = x.new_zeros(count, *x.shape[1:])
    full[places] = x
    return full


class TrunkFunction(torch.autograd.Function):
    """The trunk as one step of autograd. The weights' gradients go into the flat buffers."""

    @staticmethod
    def forward(
        ctx: Any, anchor: Tensor, llama: Llama, batch: TreeBatch, read: Tensor, last: str
    ) -> Tensor:
        ctx.arena = llama.flat.lend()
        states, ctx.kept, ctx.final = llama.forward(batch, read, last, ctx.arena)
        ctx.llama, ctx.batch, ctx.read, ctx.last = llama, batch, read, last
        return states

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, ...]:
        ctx.llama.backward(ctx.batch, ctx.read, ctx.last, ctx.kept, ctx.final, grad)
        ctx.llama.flat.take_back(ctx.arena)
        return None, None, None, None, None
