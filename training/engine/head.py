"""The language-model head at the tokens whose log-probability is asked for.

    logp_m = z[u_m, t_m] / τ − logsumexp_v(z[u_m, v] / τ),   z = h Wᵀ

for the rows u_m of h and the tokens t_m. Its gradient with respect to z, given g_m:

    dz[u, v] = ( Σ_{m: u_m = u} g_m · ( 1[v = t_m] − softmax_v(z[u] / τ) ) ) / τ

What is kept for the backward pass is the softmax in the compute dtype, a row of V each, which there
becomes dz in place. The arithmetic runs in float32; no float32 table of all logits ever exists.
"""

from typing import Any

import torch
from torch import Tensor, nn

from training.engine.flat import FlatParameters
from training.engine.products import product

ROWS = 512  # rows of logits at one time, where they are not kept
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
        height = len(h) if keeps else min(len(h), ROWS)
        arena = flat.lend()
        whole = arena.take(height, len(weight), dtype=h.dtype)
        chosen = torch.empty(len(row), dtype=torch.float32, device=h.device)
        for rows in pieces(len(h), height):
            z = product(h[rows], weight.t(), whole[: rows.stop - rows.start])
            here = ((row >= rows.start) & (row < rows.stop)).nonzero().squeeze(1)
            there = row[here] - rows.start
            said = z[there, token[here]].float() / temperature
            chosen[here] = said - flat.kernels.vocabulary_softmax(z, temperature, keeps)[there]
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
        d = ctx.p
        if d is None:
            d = product(h, weight.t())
            ctx.flat.kernels.vocabulary_softmax(d, ctx.temperature, keep=True)
        ctx.flat.kernels.scale_rows(d, whole.neg_())
        d.index_put_((row, token), grad.to(d.dtype), accumulate=True)
        ctx.flat.add_product(ctx.flat.gradient(ctx.head), d, h)
        dh = product(d, weight).float()
        if ctx.arena:
            ctx.flat.take_back(ctx.arena)
        ctx.p = ctx.arena = None
        return dh, None, None, None, None, None


def pieces(count: int, size: int) -> list[slice]:
    return [slice(here, min(here + size, count)) for here in range(0, count, max(size, 1))]
