"""Attention over packed tree rows: forward and backward, without a mask over the whole batch.

A batch is a root (the opening that all prompts share; it may be empty), then trees: the rest of a
prompt and the responses to it. A token sees the root, its prompt and its own response:

    block                  queries                 keys
    root                   root                    root, causal
    prompt of tree t       its tokens              root, prompt t; causal
    response r of tree t   its tokens              root, prompt t, response r; causal

So every block is: some keys that all its queries see, then keys of its own, seen causally. Long
blocks are cut into strips of queries, which cuts off most of what the causal mask throws away.

Blocks alike in size are padded to one size and computed together (`Bundle`): a product of many
small matrices keeps the processor busier than many small products. Which ones go together is
decided by what padding costs against what another round of operations costs (`OVERHEAD`).

The softmax's probabilities are kept for the backward pass while they are small (`KEEP`), else they
are computed again there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.engine.data import TreeBatch

STRIP = 128  # queries of one block
OVERHEAD = 12_000  # a round of operations takes as long as so many (query, key) pairs
WINDOW = 48  # blocks that are looked at together when bundles are formed
LARGEST = 250_000  # (query, key) pairs in a bundle of several blocks: more would not be faster
KEEP = 2**23  # probabilities kept for each layer


@dataclass(frozen=True)
class Block:
    """Queries `start … start + length`; they see `spans`, the last `length` keys causally."""

    start: int
    length: int
    spans: tuple[tuple[int, int], ...]  # (start, end) of the keys, in order

    @property
    def keys(self) -> int:
        return sum(end - start for start, end in self.spans)


def merged(spans: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The spans without empty ones, neighbours joined: one span is a view, several are a copy."""
    result: list[tuple[int, int]] = []
    for start, end in spans:
        if start == end:
            continue
        if result and result[-1][1] == start:
            result[-1] = (result[-1][0], end)
        else:
            result.append((start, end))
    return tuple(result)


def strips(
    before: list[tuple[int, int]], start: int, end: int, first: int | None = None
) -> list[Block]:
    """Blocks for the queries `first … end` of a causal run that began at `start`."""
    first = start if first is None else first
    count = max(1, -(-(end - first) // STRIP))
    cuts = [first + (end - first) * i // count for i in range(count + 1)]
    return [
        Block(here, there - here, merged([*before, (start, there)]))
        for here, there in zip(cuts, cuts[1:], strict=False)
        if there > here
    ]


def plan(batch: TreeBatch, *, last: str = "all") -> list[Block]:
    """The blocks of a layer. In the network's last layer, only the states that are read matter:

    `predict`: the last token of each prompt and the responses (log-probabilities are read there);
    `ends`: the last token of each response (scores are read there).
    """
    blocks = strips([], 0, batch.root) if last == "all" else []
    root = (0, batch.root)
    for tree in batch.trees:
        middle = tree.start + tree.prompt_length
        if last == "all":
            blocks += strips([root], tree.start, middle)
        elif last == "predict":
            blocks += strips([root], tree.start, middle, first=middle - 1)
        start = middle
        for length in tree.response_lengths:
            end = start + length
            first = end - 1 if last == "ends" else start
            blocks += strips([root, (tree.start, middle)], start, end, first=first)
            start = end
    return blocks


# --- blocks that are computed together -----------------------------------------------------------


class Bundle:
    """U blocks, padded to Q queries and K keys."""

    def __init__(self, blocks: Sequence[Block], device: torch.device) -> None:
        queries, keys = max(b.length for b in blocks), max(b.keys for b in blocks)
        lengths = torch.tensor([b.length for b in blocks])
        seen = torch.tensor([b.keys for b in blocks])
        shared = (seen - lengths)[:, None]  # keys before the block's own
        query, key = torch.arange(queries), torch.arange(keys)
        self.is_query = (query < lengths[:, None]).to(device)  # (U, Q)
        # Padded queries look at the first key, so that no softmax is over nothing.
        last_seen = torch.where(query < lengths[:, None], shared + query, 0)
        self.unseen = (key > last_seen[..., None]).to(device)  # (U, Q, K)
        starts = torch.tensor([b.start for b in blocks])
        rows = torch.where(query < lengths[:, None], starts[:, None] + query, 0)
        self.rows = rows.flatten().to(device)  # (U Q) where the queries stand in the batch
        places = torch.zeros(len(blocks), keys, dtype=torch.long)
        for number, block in enumerate(blocks):
            places[number, : block.keys] = torch.cat([torch.arange(*span) for span in block.spans])
        self.places = places.flatten().to(device)  # (U K) where the keys stand
        self.own = self.is_query.flatten().nonzero().squeeze(1)  # places of real queries in rows
        self.targets = self.rows[self.own]
        self.shape = (len(blocks), queries, keys)
        self._mask: Tensor | None = None

    def mask(self, dtype: torch.dtype) -> Tensor:
        """(U, 1, Q, K): −∞ where a query does not see a key, else 0."""
        if self._mask is None or self._mask.dtype != dtype:
            zeros = torch.zeros(self.unseen.shape, dtype=dtype, device=self.unseen.device)
            self._mask = zeros.masked_fill_(self.unseen, float("-inf"))[:, None]
        return self._mask


def bundled(blocks: list[Block], device: torch.device) -> list[Bundle]:
    """Bundles of blocks alike in size, such that padding and rounds together cost least.

    Sorted by size, the best cut of the first n blocks is the best of all last bundles after the
    best cut of what stands before it.
    """
    ordered = sorted(blocks, key=lambda b: (b.length, b.keys))
    cost: list[float] = [0.0]
    cut: list[int] = [0]
    for end in range(1, len(ordered) + 1):
        best, where, queries, keys = float("inf"), end - 1, 0, 0
        for start in range(end - 1, max(-1, end - 1 - WINDOW), -1):
            queries, keys = max(queries, ordered[start].length), max(keys, ordered[start].keys)
            size = (end - start) * queries * keys
            if size > LARGEST and end - start > 1:
                break
            total = cost[start] + OVERHEAD + size
            if total < best:
                best, where = total, start
        cost.append(best)
        cut.append(where)
    bundles = []
    end = len(ordered)
    while end:
        bundles.append(Bundle(ordered[cut[end] : end], device))
        end = cut[end]
    return bundles


class Attention:
    """Grouped-query attention of one layer: H heads in G groups of keys and values.

    `forward` takes rotated queries and keys and the values as one tensor (N, H + 2G, D), queries
    already divided by √D, and writes (N, H, D). `backward` takes what `forward` kept and the
    gradient of its result, and returns the gradients of its input.
    """

    def __init__(self, heads: int, groups: int) -> None:
        self.heads, self.groups = heads, groups

    def queries(self, x: Tensor, bundle: Bundle) -> Tensor:
        """The rows of `x` (N, H, D) that ask, as (U G, H/G · Q, D)."""
        units, length, _ = bundle.shape
        size = x.shape[-1]
        taken = x.index_select(0, bundle.rows).view(units, length, self.heads, size)
        return taken.transpose(1, 2).reshape(units * self.groups, -1, size)

    def keys(self, x: Tensor, bundle: Bundle) -> Tensor:
        """The rows of `x` (N, G, D) that are seen, as (U G, K, D)."""
        units, _, count = bundle.shape
        size = x.shape[-1]
        taken = x.index_select(0, bundle.places).view(units, count, self.groups, size)
        return taken.transpose(1, 2).reshape(-1, count, size)

    def by_row(self, x: Tensor, bundle: Bundle) -> Tensor:
        """(U G, H/G · Q, D) → (U Q, H, D)."""
        units, length, _ = bundle.shape
        heads = x.view(units, self.heads, length, -1)
        return heads.transpose(1, 2).reshape(units * length, self.heads, -1)

    def weights(self, q: Tensor, k: Tensor, bundle: Bundle) -> Tensor:
        """softmax(q kᵀ) over what each query sees: (U G, H/G · Q, K)."""
        scores = torch.bmm(q, k.transpose(1, 2))
        units, length, count = bundle.shape
        scores.view(units, self.heads, length, count).add_(bundle.mask(scores.dtype))
        # In float32 also because torch's bfloat16 softmax takes half as long again.
        return torch.softmax(scores, dim=-1, dtype=torch.float32).to(scores.dtype)

    def forward(
        self, qkv: Tensor, bundles: list[Bundle], out: Tensor, keep: bool
    ) -> list[Tensor | None]:
        """Write the result of every bundle's queries into `out`; return the weights kept."""
        q, k, v = qkv.split([self.heads, self.groups, self.groups], dim=1)
        budget = KEEP if keep else 0
        kept: list[Tensor | None] = []
        for bundle in bundles:
            p = self.weights(self.queries(q, bundle), self.keys(k, bundle), bundle)
            result = self.by_row(torch.bmm(p, self.keys(v, bundle)), bundle)
            out.index_copy_(0, bundle.targets, result.index_select(0, bundle.own))
            budget -= p.numel()
            kept.append(p if budget >= 0 else None)
        return kept

    def backward(
        self, qkv: Tensor, bundles: list[Bundle], kept: list[Tensor | None], grad: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Gradients of queries (N, H, D) and, summed in float32, of keys and values (N, 2G, D)."""
        q, k, v = qkv.split([self.heads, self.groups, self.groups], dim=1)
        dq = torch.zeros_like(grad)
        dkv = torch.zeros(len(qkv), 2 * self.groups, qkv.shape[-1], device=qkv.device)
        for bundle, weights in zip(bundles, kept, strict=True):
            units, length, count = bundle.shape
            queries, keys = self.queries(q, bundle), self.keys(k, bundle)
            p = self.weights(queries, keys, bundle) if weights is None else weights
            d = self.queries(grad, bundle)
            d.view(units, self.heads, length, -1).mul_(bundle.is_query[:, None, :, None])
            dp = torch.bmm(d, self.keys(v, bundle).transpose(1, 2))
            ds = torch._softmax_backward_data(dp, p, -1, p.dtype)
            own = self.by_row(torch.bmm(ds, keys), bundle).index_select(0, bundle.own)
            dq.index_copy_(0, bundle.targets, own)
            parts = (torch.bmm(ds.transpose(1, 2), queries), torch.bmm(p.transpose(1, 2), d))
            both = torch.cat([part.view(units, self.groups, count, -1) for part in parts], dim=1)
            dkv.index_add_(0, bundle.places, both.transpose(1, 2).flatten(0, 1).float())
        return dq, dkv
