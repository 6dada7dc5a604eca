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
from training.engine.products import product

ROWS = 32  # rows of logits in float32 at one time
PRODUCT_ROWS = 512  # and in the compute dtype, where they are not kept
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
        height = len(h) if keeps else min(len(h), PRODUCT_ROWS)
        arena = flat.lend()
        whole = arena.take(height, len(weight), dtype=h.dtype)
        chosen = torch.empty(len(row), dtype=torch.float32, device=h.device)
        for outer in pieces(0, len(h), height):
            z = product(h[outer], weight.t(), whole[: outer.stop - outer.start])
            for rows in pieces(outer.start, outer.stop, ROWS):
                there = slice(rows.start - outer.start, rows.stop - outer.start)
                logp = log_softmax(z[there], temperature)
                here = ((row >= rows.start) & (row < rows.stop)).nonzero().squeeze(1)
                chosen[here] = logp[row[here] - rows.start, token[here]]
                if keeps:
                    z[there] = logp.exp_()
        ctx.save_for_backward(h, row, token)
        ctx.p, ctx.arena = (whole, arena) if keeps else (None, None)
        if not keeps:
            flat.take_back(arena)
        ctx.flat, ctx.head, ctx.temperature = flat, head, temperature
        return chosen

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, row, token = ctx.saved_tensors
        weight = ctx.flat.weight(ctx.head)
        grad = grad / ctx.temperature
        whole = grad.new_zeros(len(h)).index_add_(0, row, grad)
        d = product(h, weight.t()) if ctx.p is None else ctx.p
        for rows in pieces(0, len(h), ROWS):
            p = log_softmax(d[rows], ctx.temperature).exp_() if ctx.p is None else d[rows].float()
            p.mul_(-whole[rows, None])
            here = ((row >= rows.start) & (row < rows.stop)).nonzero().squeeze(1)
            p.index_put_((row[here] - rows.start, token[here]), grad[here], accumulate=True)
            d[rows] = p
        ctx.flat.add_product(ctx.flat.gradient(ctx.head), d, h)
        dh = product(d, weight).float()
        if ctx.arena:
            ctx.flat.take_back(ctx.arena)
        ctx.p = ctx.arena = None
        return dh, None, None, None, None, None


def pieces(start: int, end: int, size: int) -> list[slice]:
    return [slice(here, min(here + size, end)) for here in range(start, end, max(size, 1))]


def log_softmax(z: Tensor, temperature: float) -> Tensor:
    """In float32. From bfloat16 by torch's fused kernel, which is off by 3e-6 over 50,000 tokens:
    less than z is rounded by, but a thousandth in the sum of a long float32 response."""
    if z.dtype != torch.float32 and temperature == 1.0:
        return F.log_softmax(z, dim=1, dtype=torch.float32)
    scaled = z.float().div(temperature)
    return scaled.sub_(scaled.logsumexp(1, keepdim=True))
