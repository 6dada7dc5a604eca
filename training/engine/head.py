"""The language-model head at the tokens whose log-probability is asked for.

    logp_m = z[u_m, t_m] / τ − logsumexp_v(z[u_m, v] / τ),   z = h Wᵀ

for the rows u_m of h and the tokens t_m. Its gradient with respect to z, given g_m:

    dz[u, v] = ( Σ_{m: u_m = u} g_m · ( 1[v = t_m] − softmax_v(z[u] / τ) ) ) / τ

What is kept for the backward pass is the softmax in the compute dtype, a row of V each, which there
becomes dz in place. The arithmetic runs in float32, some rows at a time, so that no float32 table
of all logits ever exists.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.engine.flat import FlatParameters

ROWS = 32  # rows of logits in float32 at one time
KEEP = 2**27  # probabilities kept for the backward pass; more are computed again there


class HeadFunction(torch.autograd.Function):
    """(U, d) states, (M,) rows, (M,) tokens → (M,) log-probabilities, float32."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        flat: FlatParameters,
        head: nn.Parameter,
        row: Tensor,
        token: Tensor,
        temperature: float,
    ) -> Tensor:
        weight = flat.weight(head)
        h = states.to(flat.dtype)
        keeps = ctx.needs_input_grad[0] and len(h) * len(weight) <= KEEP
        z = F.linear(h, weight) if keeps else None  # turns into the softmax, row by row
        chosen = torch.empty(len(row), dtype=torch.float32, device=h.device)
        for rows in pieces(len(h)):
            logp = log_softmax(F.linear(h[rows], weight) if z is None else z[rows], temperature)
            here = ((row >= rows.start) & (row < rows.stop)).nonzero().squeeze(1)
            chosen[here] = logp[row[here] - rows.start, token[here]]
            if z is not None:
                z[rows] = logp.exp_()
        ctx.save_for_backward(h, row, token)
        ctx.p, ctx.flat, ctx.head, ctx.temperature = z, flat, head, temperature
        return chosen

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, row, token = ctx.saved_tensors
        weight = ctx.flat.weight(ctx.head)
        grad = grad / ctx.temperature
        whole = grad.new_zeros(len(h)).index_add_(0, row, grad)
        d = F.linear(h, weight) if ctx.p is None else ctx.p
        for rows in pieces(len(h)):
            p = log_softmax(d[rows], ctx.temperature).exp_() if ctx.p is None else d[rows].float()
            p.mul_(-whole[rows, None])
            here = ((row >= rows.start) & (row < rows.stop)).nonzero().squeeze(1)
            p.index_put_((row[here] - rows.start, token[here]), grad[here], accumulate=True)
            d[rows] = p
        ctx.flat.add_product(ctx.flat.gradient(ctx.head), d, h)
        return (d @ weight).float(), None, None, None, None, None


def pieces(count: int) -> list[slice]:
    return [slice(start, min(start + ROWS, count)) for start in range(0, count, ROWS)]


def log_softmax(z: Tensor, temperature: float) -> Tensor:
    """In float32. From bfloat16 by torch's fused kernel, which is off by 3e-6 over 50,000 tokens:
    less than z is rounded by, but a thousandth in the sum of a long float32 response."""
    if z.dtype != torch.float32 and temperature == 1.0:
        return F.log_softmax(z, dim=1, dtype=torch.float32)
    scaled = z.float().div(temperature)
    return scaled.sub_(scaled.logsumexp(1, keepdim=True))
