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
from types import ModuleType

import torch
from torch import Tensor

from training.engine.arena import Arena
from training.engine.data import TreeBatch
from training.engine.kernels import plain
from training.engine.kernels.plain import Take

STRIP = 128  # queries of one block
OVERHEAD = 12_000  # a round of operations takes as long as so many (query, key) pairs
WINDOW = 48  # blocks that are looked at together when bundles are formed
LARGEST = 250_000  # (query, key) pairs in a bundle of several blocks: more would not be faster
KEEP = 2**22  # probabilities kept for each layer


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
    """U blocks, padded to Q queries and K keys. A place is a token's number in the batch."""

    def __init__(self, blocks: Sequence[Block], device: torch.device) -> None:
        units, queries, keys = (
            len(blocks),
            max(b.length for b in blocks),
            max(b.keys for b in blocks),
        )
        lengths = torch.tensor([b.length for b in blocks])[:, None]
        starts = torch.tensor([b.start for b in blocks])[:, None]
        counts = torch.tensor([b.keys for b in blocks])[:, None]
        query = torch.arange(queries)
        is_query = query < lengths  # (U, Q)
        self.units = units
        self.queries = torch.where(is_query, starts + query, -1).flatten().to(device)  # (U Q)
        # How many keys each query sees; padded ones see the first, so that no softmax is over
        # nothing.
        seen = torch.where(is_query, counts - lengths + query + 1, 1)
        self.seen = seen.to(device, torch.int32)  # (U, Q)
        places = torch.zeros(units, keys, dtype=torch.long)
        for number, block in enumerate(blocks):
            places[number, : block.keys] = torch.cat([torch.arange(*span) for span in block.spans])
        self.keys = places.flatten().to(device)  # (U K); padded ones are never seen


def bundled(blocks: list[Block]) -> list[list[Block]]:
    """Blocks that are computed together, such that padding and rounds together cost least.

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
        bundles.append(ordered[cut[end] : end])
        end = cut[end]
    return bundles


class Attention:
    """Grouped-query attention of one layer: H heads in G groups of keys and values.

    `forward` takes rotated queries and keys and the values as one tensor (N, H + 2G, D), queries
    already divided by √D, and writes (N, H, D). `backward` takes what `forward` kept and the
    gradient of its result, and returns that of its input.
    """

    def __init__(self, heads: int, groups: int, kernels: ModuleType = plain) -> None:
        self.heads, self.groups, self.per_group = heads, groups, heads // groups
        self.kernels = kernels

    def bundles(self, batch: TreeBatch, last: str) -> list[Bundle]:
        blocks = bundled(plan(batch, last=last))
        return [Bundle(together, batch.ids.device) for together in blocks]

    def gathered(self, qkv: Tensor, bundle: Bundle) -> tuple[Tensor, Tensor, Tensor]:
        """The bundle's queries (G U, Q R, D), keys and values (G U, K, D)."""
        h, g, r = self.heads, self.groups, self.per_group
        gather, units, size = self.kernels.gather, g * bundle.units, qkv.shape[-1]
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
        self.kernels.causal_softmax(scores, bundle.seen, self.per_group, p)
        return p

    def forward(
        self, qkv: Tensor, bundles: list[Bundle], out: Tensor, arena: Arena | None
    ) -> list[Tensor | None]:
        """Write the result of every bundle's queries into `out`; return the weights kept."""
        budget = KEEP if arena else 0
        kept: list[Tensor | None] = []
        for bundle in bundles:
            queries, keys, values = self.gathered(qkv, bundle)
            budget -= len(queries) * queries.shape[1] * keys.shape[1]
            take = arena.take if arena and budget >= 0 else qkv.new_empty
            p = self.weights(queries, keys, bundle, take)
            result = torch.bmm(p, values)
            self.kernels.put(self.shaped(result, bundle.queries), bundle.queries, out)
            kept.append(p if budget >= 0 else None)
        return kept

    def backward(
        self, qkv: Tensor, bundles: list[Bundle], kept: list[Tensor | None], grad: Tensor
    ) -> Tensor:
        """The gradients of queries, keys and values (N, H + 2G, D), float32."""
        h, g, r = self.heads, self.groups, self.per_group
        into = torch.zeros(qkv.shape, device=qkv.device)
        for bundle, weights in zip(bundles, kept, strict=True):
            queries, keys, values = self.gathered(qkv, bundle)
            asked = self.kernels.gather(grad, bundle.queries, 0, g, r).view_as(queries)
            p = self.weights(queries, keys, bundle, qkv.new_empty) if weights is None else weights
            ds = torch.bmm(asked, values.transpose(1, 2))
            self.kernels.softmax_backward(p, ds)
            for part, places, first in (
                (torch.bmm(ds, keys), bundle.queries, 0),
                (torch.bmm(ds.transpose(1, 2), queries), bundle.keys, h),
                (torch.bmm(p.transpose(1, 2), asked), bundle.keys, h + g),
            ):
                self.kernels.add_at(self.shaped(part, places), places, first, into)
        return into
