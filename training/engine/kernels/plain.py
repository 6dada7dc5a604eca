"""The kernels in torch: what native.py must give, too, up to rounding.

N tokens; H heads in G groups of R = H / G; D numbers a head. `dtype` is the compute dtype.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Take = Callable[..., Tensor]  # take(*shape, dtype=…): memory for what a backward pass needs

ROWS = 32  # rows of logits in float32 at one time
PIECE = 2**19  # numbers updated at a time: weights, gradients and both moments fit the cache
SUMMED = 2**18  # squares summed in float32; more would lose digits


class Rotation(NamedTuple):
    """Rotary embedding of the first `turned` heads of each token, the first `scaled` of which
    (the queries) are also multiplied by `scale`, attention's 1/√D."""

    cos: Tensor  # (N, D/2) float32
    sin: Tensor  # (N, D/2) float32
    turned: int
    scaled: int
    scale: float

    def scaled_waves(self) -> tuple[Tensor, Tensor]:
        """cos and sin (N, turned, D/2), times the scale of each head."""
        by = torch.ones(self.turned, 1, device=self.cos.device)
        by[: self.scaled] = self.scale
        return self.cos[:, None] * by, self.sin[:, None] * by


class AdamW(NamedTuple):
    """What an update of weights is besides gradients and moments."""

    lr: float
    decay: float
    betas: tuple[float, float]
    eps: float
    step: Tensor  # () float32, the update's number, from 1
    divisor: Tensor  # () float32, of the gradients


# --- norms ----------------------------------------------------------------------------------------


def add_norm(
    x: Tensor, p: Tensor | None, gain: Tensor, eps: float, dtype: torch.dtype, take: Take | None
) -> tuple[Tensor, Tensor | None, Tensor]:
    """x += p in place; then gain ⊙ x / rms(x) in `dtype`, x / rms(x) in `dtype` (if there is
    somewhere to `take` memory from) and 1 / rms(x) in float32: (N, d), (N, d), (N, 1)."""
    if p is not None:
        x.add_(p)
    r = torch.linalg.vecdot(x, x).div_(x.shape[-1]).add_(eps).rsqrt_()[:, None]
    n = x * r
    kept = take(*n.shape, dtype=dtype).copy_(n) if take else None
    return (n * gain).to(dtype), kept, r


def add_norm_backward(
    dx: Tensor, dout: Tensor, n: Tensor, r: Tensor, gain: Tensor, dgain: Tensor
) -> Tensor:
    """Add to `dx`, float32, the gradient of x, and to `dgain` that of the gain, given that of the
    norm's result; return `dx` in the dtype of `dout`."""
    dtype = dout.dtype
    dout, n = dout.float(), n.float()
    weighted = dout * n
    dgain += weighted.sum(0)
    inner = weighted.mv(gain).div_(-n.shape[-1])[:, None].mul_(r)
    dx.addcmul_(torch.mul(dout, gain, out=weighted), r).addcmul_(n, inner)
    return dx.to(dtype)


# --- rotary embedding -----------------------------------------------------------------------------


def rotate(qkv: Tensor, rotation: Rotation) -> None:
    """Turn the queries and keys of `qkv` (N, H + 2G, D) in place."""
    turning = qkv[:, : rotation.turned]
    turning.copy_(turned(turning.float(), *rotation.scaled_waves()))


def rotate_back(d: Tensor, rotation: Rotation, dtype: torch.dtype) -> Tensor:
    """The gradient before the turn, given that after it: (N, H + 2G, D); uses up `d`, float32."""
    cos, sin = rotation.scaled_waves()
    turned(d[:, : rotation.turned], cos, -sin)
    return d.to(dtype)


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    new = (b * cos).addcmul_(a, sin)
    a.mul_(cos).addcmul_(b, sin, value=-1)
    b.copy_(new)
    return x


# --- the gated MLP --------------------------------------------------------------------------------


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) ⊙ up: (N, 2f) → (N, f)."""
    gate, up = gate_up.chunk(2, dim=1)
    return F.silu(gate).mul_(up)


def swiglu_backward(gate_up: Tensor, dout: Tensor, d_gate_up: Tensor) -> Tensor:
    """Write the gradient of `gate_up`, given that of the result; return the result again."""
    gate, up = gate_up.chunk(2, dim=1)
    d_gate, d_up = d_gate_up.chunk(2, dim=1)
    opened = F.silu(gate)
    torch.mul(dout, opened, out=d_up)
    d_gate.copy_(torch.ops.aten.silu_backward(dout * up, gate))
    return opened.mul_(up)


# --- the head -------------------------------------------------------------------------------------


def vocabulary_softmax(z: Tensor, temperature: float, keep: bool) -> Tensor:
    """logsumexp of z / τ over each row, float32; with `keep`, z becomes softmax(z / τ)."""
    lse = torch.empty(len(z), device=z.device)
    for start in range(0, len(z), ROWS):
        rows = slice(start, start + ROWS)
        scaled = z[rows].float().div(temperature)
        lse[rows] = scaled.logsumexp(1)
        if keep:
            z[rows] = scaled.sub_(lse[rows, None]).exp_()
    return lse


def scale_rows(x: Tensor, by: Tensor) -> None:
    """Multiply each row of `x` by its number, in place."""
    for start in range(0, len(x), ROWS):
        rows = slice(start, start + ROWS)
        x[rows] = x[rows].float().mul_(by[rows, None])


# --- the optimizer --------------------------------------------------------------------------------


def squares(x: Tensor) -> Tensor:
    """The sum of the squares of x (n,): () float64, summed piece by piece."""
    total = torch.zeros((), dtype=torch.float64, device=x.device)
    for start in range(0, len(x), SUMMED):
        piece = x[start : start + SUMMED].float()
        total += piece.dot(piece)
    return total


def adamw(
    master: Tensor, gradient: Tensor, moments: tuple[Tensor, Tensor], copy: Tensor, how: AdamW
) -> None:
    """AdamW's update of `master` (n,) and both moments, float32; `copy`, which may be `master`
    itself, follows in its own dtype."""
    for start in range(0, len(master), PIECE):
        piece = slice(start, start + PIECE)
        torch._fused_adamw_(
            [master[piece]],
            [gradient[piece].to(torch.float32, copy=True)],  # is divided in place
            [moments[0][piece]],
            [moments[1][piece]],
            [],
            [how.step],
            lr=how.lr,
            beta1=how.betas[0],
            beta2=how.betas[1],
            weight_decay=how.decay,
            eps=how.eps,
            amsgrad=False,
            maximize=False,
            grad_scale=how.divisor,
        )
        if copy is not master:
            copy[piece] = master[piece]
