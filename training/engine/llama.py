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
from training.engine.attention import Attention
from training.engine.data import TreeBatch
from training.engine.flat import FlatParameters
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
    r1: Tensor  # (N, 1) 1 / rms(x)
    qkv: Tensor  # (N, H + 2G, D), queries and keys rotated
    weights: list[Tensor | None]
    attended: Tensor  # (M, H D)
    n2: Tensor  # (M, d)
    r2: Tensor  # (M, 1)
    gate_up: Tensor  # (M, 2 f)
    opened: Tensor  # (M, f) silu of the gate


# --- the pieces ----------------------------------------------------------------------------------


def norm(x: Tensor, gain: Tensor, eps: float, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """gain ⊙ x / rms(x) in `dtype`, and in float32 x / rms(x) and 1 / rms(x):
    (N, d), (N, d), (N, 1)."""
    r = torch.linalg.vecdot(x, x).div_(x.shape[-1]).add_(eps).rsqrt_()[:, None]
    n = x * r
    return (n * gain).to(dtype), n, r


def add_norm_backward(
    dx: Tensor, dout: Tensor, n: Tensor, r: Tensor, gain: Tensor, dgain: Tensor
) -> None:
    """Add to `dx`, float32, the gradient of x, and to `dgain` that of the gain, given that of
    `norm`'s result."""
    dout, n = dout.float(), n.float()
    weighted = dout * n
    dgain += weighted.sum(0)
    inner = weighted.mv(gain).div_(-n.shape[-1])[:, None].mul_(r)
    dx.addcmul_(torch.mul(dout, gain, out=weighted), r).addcmul_(n, inner)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding in place: x (N, heads, D), cos and sin (N, heads, D/2), all float32."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    turned = (b * cos).addcmul_(a, sin)
    a.mul_(cos).addcmul_(b, sin, value=-1)
    b.copy_(turned)
    return x


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
        self.attention = Attention(self.heads, self.groups)
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

    def rotations(self, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """cos and sin (N, H + G, D/2); those of the queries carry the 1/√D of attention."""
        like = torch.empty(0, dtype=torch.float32, device=position_ids.device)
        cos, sin = self.rotary(like, position_ids[None])
        scale = torch.ones(self.heads + self.groups, 1, device=position_ids.device)
        scale[: self.heads] = self.size**-0.5
        half = self.size // 2
        return cos[0, :, None, :half] * scale, sin[0, :, None, :half] * scale

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
        dtype = self.flat.dtype
        x = F.embedding(batch.ids, self.embedding)
        cos, sin = self.rotations(batch.position_ids)
        rotated = self.heads + self.groups
        bundles, last_bundles = (self.attention.bundles(batch, which) for which in ("all", last))
        kept: list[Kept] = []
        take = arena.take if arena else x.new_empty
        for number, layer in enumerate(self.layers):
            is_last = number == len(self.layers) - 1
            a, n1, r1 = norm(x, layer.norm1, self.eps, dtype)
            qkv = product(a, layer.qkv.t(), take(len(x), len(layer.qkv), dtype=dtype))
            qkv = qkv.view(len(x), -1, self.size)
            turning = qkv[:, :rotated]
            turning.copy_(rotate(turning.float(), cos, sin))
            if seen is not None:
                seen(number, qkv)
            attended = take(len(x), self.heads, self.size, dtype=dtype)
            weights = self.attention.forward(
                qkv, last_bundles if is_last else bundles, attended, arena
            )
            if is_last:
                x, attended = x[read], attended[read]
            attended = attended.flatten(1)
            x.add_(product(attended, layer.o.t()))
            a, n2, r2 = norm(x, layer.norm2, self.eps, dtype)
            gate_up = product(a, layer.gate_up.t(), take(len(x), len(layer.gate_up), dtype=dtype))
            gate, up = gate_up.chunk(2, dim=1)
            opened = take(*gate.shape, dtype=dtype)
            torch.ops.aten.silu.out(gate, out=opened)
            x.add_(product(opened * up if arena else opened.mul_(up), layer.down.t()))
            if arena:
                n1, n2 = (take(*n.shape, dtype=dtype).copy_(n) for n in (n1, n2))
                kept.append(Kept(n1, r1, qkv, weights, attended, n2, r2, gate_up, opened))
        out, n, r = norm(x, self.gain, self.eps, torch.float32)
        return out, kept, (n, r)

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
        dtype = self.flat.dtype
        gradient = self.flat.gradient
        cos, sin = self.rotations(batch.position_ids)
        bundles, last_bundles = (self.attention.bundles(batch, which) for which in ("all", last))
        against = -sin
        dx = torch.zeros_like(grad)
        add_norm_backward(dx, grad, *final, self.gain, gradient(self.gain))
        for number in reversed(range(len(self.layers))):
            layer, k = self.layers[number], kept.pop()
            into = self.pick(self.modules[number], gradient)
            is_last = number == len(self.layers) - 1
            # MLP
            dy = dx.to(dtype)
            gate, up = k.gate_up.chunk(2, dim=1)
            dh = product(dy, layer.down)
            width = k.gate_up.shape[1]
            # Rows at such distances fall on the same few lines of the cache when read by column.
            d_gate_up = dy.new_empty(len(dy), width + GAP)[:, :width]
            d_gate, d_up = d_gate_up.chunk(2, dim=1)
            torch.mul(dh, k.opened, out=d_up)
            self.flat.add_product(into.down, dy, k.opened.mul_(up))
            torch.ops.aten.silu_backward.grad_input(dh.mul_(up), gate, grad_input=d_gate)
            self.flat.add_product(into.gate_up, d_gate_up, k.n2 * layer.norm2.to(dtype))
            da = product(d_gate_up, layer.gate_up)
            add_norm_backward(dx, da, k.n2, k.r2, layer.norm2, into.norm2)
            # attention
            dy = dx.to(dtype)
            self.flat.add_product(into.o, dy, k.attended)
            d_attended = product(dy, layer.o).view(len(dy), self.heads, self.size)
            if is_last:
                d_attended = spread(d_attended, read, len(batch.ids))
                dx = spread(dx, read, len(batch.ids))
            d_turned = self.attention.backward(
                k.qkv, last_bundles if is_last else bundles, k.weights, d_attended
            )
            rotate(d_turned[:, : self.heads + self.groups], cos, against)
            dqkv = d_turned.to(dtype).flatten(1)
            self.flat.add_product(into.qkv, dqkv, k.n1 * layer.norm1.to(dtype))
            da = product(dqkv, layer.qkv)
            add_norm_backward(dx, da, k.n1, k.r1, layer.norm1, into.norm1)
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
