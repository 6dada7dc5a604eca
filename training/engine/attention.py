"""Attention over packed tree rows: forward and backward, without a mask over the whole batch.

A batch is a root (the opening that all prompts share; it may be empty), then trees: the rest of a
prompt and the responses to it. A token sees the root, its prompt and its own response:

    block                  queries                 keys
    root                   root                    root, causal
    prompt of tree t       its tokens              root, prompt t; causal
    response r of tree t   its tokens              root, prompt t, response r; causal

On a processor, a kernel in C goes through them tree by tree (`kernels/attention.py`). Elsewhere,
and where there is no compiler, torch computes them in bundles of blocks (`blocks.py`). There the
softmax's probabilities are kept for the backward pass while they are small (`KEEP`), else they are
computed again.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from training.engine.arena import Arena
from training.engine.blocks import Bundle, blocks_of, bundled
from training.engine.data import TreeBatch
from training.engine.kernels import library
from training.engine.kernels.attention import MOST, Trees
from training.engine.kernels.plain import Take

KEEP = 2**22  # probabilities kept for each layer


class Attention(Protocol):
    """Grouped-query attention of one layer: H heads in G groups of keys and values."""

    def plan(self, batch: TreeBatch, last: str) -> Any:
        """What the other two go by; `last` is as in `blocks.blocks_of`."""

    def forward(self, qkv: Tensor, plan: Any, out: Tensor, arena: Arena | None) -> Any:
        """Write each query's result into `out` (N, H, D); return what `backward` wants back.

        `qkv` are rotated queries, already divided by √D, rotated keys and values (N, H + 2G, D).
        """

    def backward(self, qkv: Tensor, plan: Any, kept: Any, grad: Tensor) -> Tensor:
        """The gradient of `qkv`, float32, given that of `out`."""
        ...


def attention_for(heads: int, groups: int, device: torch.device, dtype: torch.dtype) -> Attention:
    """The fastest there is for `dtype` on `device`."""
    in_c = device.type == "cpu" and library.load(dtype) is not None and heads // groups <= MOST
    return Trees(heads, groups) if in_c else Blocks(heads, groups)


class Blocks:
    """Attention in bundles of blocks, by torch."""

    def __init__(self, heads: int, groups: int) -> None:
        self.heads, self.groups, self.per_group = heads, groups, heads // groups

    def plan(self, batch: TreeBatch, last: str) -> list[Bundle]:
        blocks = bundled(blocks_of(batch, last=last))
        return [Bundle(together, batch.ids.device) for together in blocks]

    def gathered(self, qkv: Tensor, bundle: Bundle) -> tuple[Tensor, Tensor, Tensor]:
        """The bundle's queries (G U, Q R, D), keys and values (G U, K, D)."""
        h, g, r = self.heads, self.groups, self.per_group
        units, size = g * bundle.units, qkv.shape[-1]
        return (
            gather(qkv, bundle.queries, 0, g, r).view(units, -1, size),
            gather(qkv, bundle.keys, h, g, 1).view(units, -1, size),
            gather(qkv, bundle.keys, h + g, g, 1).view(units, -1, size),
        )

    def shaped(self, x: Tensor, places: Tensor) -> Tensor:
        """(G U, …, D) → (G, C, R, D) for C places."""
        return x.view(self.groups, len(places), -1, x.shape[-1])

    def weights(self, q: Tensor, k: Tensor, bundle: Bundle, take: Take) -> Tensor:
        """softmax(q kᵀ) over what each query sees: (G U, Q R, K)."""
        scores = torch.bmm(q, k.transpose(1, 2))
        p = take(*scores.shape, dtype=scores.dtype)
        causal_softmax(scores, bundle.seen, self.per_group, p)
        return p

    def forward(
        self, qkv: Tensor, plan: list[Bundle], out: Tensor, arena: Arena | None
    ) -> list[Tensor | None]:
        """Returns each bundle's probabilities, where they are kept."""
        budget = KEEP if arena else 0
        kept: list[Tensor | None] = []
        for bundle in plan:
            queries, keys, values = self.gathered(qkv, bundle)
            budget -= len(queries) * queries.shape[1] * keys.shape[1]
            take = arena.take if arena and budget >= 0 else qkv.new_empty
            p = self.weights(queries, keys, bundle, take)
            result = torch.bmm(p, values)
            put(self.shaped(result, bundle.queries), bundle.queries, out)
            kept.append(p if budget >= 0 else None)
        return kept

    def backward(
        self, qkv: Tensor, plan: list[Bundle], kept: list[Tensor | None], grad: Tensor
    ) -> Tensor:
        h, g, r = self.heads, self.groups, self.per_group
        into = torch.zeros(qkv.shape, device=qkv.device)
        for bundle, weights in zip(plan, kept, strict=True):
            queries, keys, values = self.gathered(qkv, bundle)
            asked = gather(grad, bundle.queries, 0, g, r).view_as(queries)
            p = self.weights(queries, keys, bundle, qkv.new_empty) if weights is None else weights
            ds = torch.bmm(asked, values.transpose(1, 2))
            softmax_backward(p, ds)
            for part, places, first in (
                (torch.bmm(ds, keys), bundle.queries, 0),
                (torch.bmm(ds.transpose(1, 2), queries), bundle.keys, h),
                (torch.bmm(p.transpose(1, 2), asked), bundle.keys, h + g),
            ):
                add_at(self.shaped(part, places), places, first, into)
        return into


# --- its operations: C places, R = H / G ---------------------------------------------------------


def gather(x: Tensor, places: Tensor, first: int, groups: int, per_group: int) -> Tensor:
    """The tokens at `places` (C,), group by group, of the heads `first`, `first` + 1 … of `x`
    (N, heads, D): (G, C, R, D). Zeros where a place is -1."""
    heads = x[:, first : first + groups * per_group]
    found = heads[places.clamp_min(0)].masked_fill_((places < 0)[:, None, None], 0.0)
    laid: Tensor = found.unflatten(1, (groups, per_group)).transpose(0, 1)
    return laid.contiguous()


def put(x: Tensor, places: Tensor, out: Tensor) -> None:
    """Write x (G, C, R, D) to the tokens at `places` of `out` (N, H, D); none at -1."""
    own = places >= 0
    out[places[own]] = x[:, own].transpose(0, 1).flatten(1, 2)


def add_at(x: Tensor, places: Tensor, first: int, into: Tensor) -> None:
    """Add x (G, C, R, D) to the heads from `first` on of the tokens at `places` of `into`
    (N, heads, D), float32; nothing at -1."""
    own = places >= 0
    heads = x.shape[0] * x.shape[2]
    rows = x[:, own].transpose(0, 1).flatten(1, 2).float()
    into[:, first : first + heads].index_add_(0, places[own], rows)


def causal_softmax(scores: Tensor, seen: Tensor, per_group: int, out: Tensor) -> None:
    """softmax over the first `seen` keys of each query: scores (G U, Q R, K), seen (U, Q)."""
    units, queries = seen.shape
    keys = torch.arange(scores.shape[-1], device=scores.device)
    unseen = (keys >= seen[..., None])[:, :, None]
    shaped = scores.view(-1, units, queries, per_group, scores.shape[-1])
    masked = shaped.masked_fill_(unseen, float("-inf")).view_as(scores)
    # In float32 also because torch's bfloat16 softmax takes half as long again.
    out.copy_(torch.softmax(masked, dim=-1, dtype=torch.float32))


def softmax_backward(p: Tensor, d: Tensor) -> None:
    """In place, the gradient of the scores, given that of their softmax `p`."""
    d.copy_(torch._softmax_backward_data(d, p, -1, p.dtype))
