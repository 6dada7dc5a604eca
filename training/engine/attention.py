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

from training.engine.arena import Arena
from training.engine.data import TreeBatch

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
    """U blocks, padded to Q queries and K keys, of a batch of N tokens.

    Heads are computed in G groups of R, each of which has keys and values of its own. The rows that
    a bundle reads and writes are those of tensors laid out (G, N, R, D) for queries and (G, N, D)
    for keys, seen as (…, D).
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        tokens: int,
        groups: int,
        per_group: int,
        device: torch.device,
    ) -> None:
        units, queries, keys = (
            len(blocks),
            max(b.length for b in blocks),
            max(b.keys for b in blocks),
        )
        self.shape = (units, queries, keys)
        lengths = torch.tensor([b.length for b in blocks])[:, None]
        starts = torch.tensor([b.start for b in blocks])[:, None]
        seen = torch.tensor([b.keys for b in blocks])[:, None]
        query, key = torch.arange(queries), torch.arange(keys)
        is_query = query < lengths  # (U, Q)
        # Padded queries look at the first key, so that no softmax is over nothing.
        last_seen = torch.where(is_query, seen - lengths + query, 0)
        self.unseen = (key > last_seen[..., None]).to(device)  # (U, Q, K)
        places = torch.zeros(units, keys, dtype=torch.long)
        for number, block in enumerate(blocks):
            places[number, : block.keys] = torch.cat([torch.arange(*span) for span in block.spans])
        group, head = torch.arange(groups), torch.arange(per_group)
        rows = torch.where(is_query, starts + query, 0)
        rows = ((group[:, None, None] * tokens + rows)[..., None] * per_group + head).flatten()
        is_real = is_query[..., None].expand(groups, units, queries, per_group).flatten()
        self.rows = rows.to(device)  # (G U Q R) where the queries stand
        self.own = is_real.nonzero().squeeze(1).to(device)  # which of them are no padding
        self.targets = self.rows[self.own]
        # Their gradients: those of padded queries stand in one more row, which is zero.
        self.graded = torch.where(is_real, rows, groups * tokens * per_group).to(device)
        self.places = (group[:, None] * tokens + places.flatten()).flatten().to(device)  # (G U K)
        self._mask: Tensor | None = None

    def mask(self, dtype: torch.dtype) -> Tensor:
        """(U, Q, 1, K): −∞ where a query does not see a key, else 0."""
        if self._mask is None or self._mask.dtype != dtype:
            zeros = torch.zeros(self.unseen.shape, dtype=dtype, device=self.unseen.device)
            self._mask = zeros.masked_fill_(self.unseen, float("-inf"))[:, :, None]
        return self._mask


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

    def __init__(self, heads: int, groups: int) -> None:
        self.heads, self.groups, self.per_group = heads, groups, heads // groups

    def bundles(self, batch: TreeBatch, last: str) -> list[Bundle]:
        count, device = len(batch.ids), batch.ids.device
        return [
            Bundle(blocks, count, self.groups, self.per_group, device)
            for blocks in bundled(plan(batch, last=last))
        ]

    def by_group(self, x: Tensor, into: Tensor | None = None) -> Tensor:
        """(N, H, D) → (G N R, D)."""
        size = x.shape[-1]
        laid = x.view(len(x), self.groups, self.per_group, size).transpose(0, 1)
        if into is None:
            return laid.reshape(-1, size)
        into.view(laid.shape).copy_(laid)
        return into

    def weights(self, q: Tensor, k: Tensor, bundle: Bundle) -> Tensor:
        """softmax(q kᵀ) over what each query sees, in float32: (G U, Q R, K).

        In float32 also because torch's bfloat16 softmax takes half as long again.
        """
        scores = torch.bmm(q, k.transpose(1, 2))
        units, length, count = bundle.shape
        shape = (self.groups, units, length, self.per_group, count)
        scores.view(shape).add_(bundle.mask(scores.dtype))
        return torch.softmax(scores, dim=-1, dtype=torch.float32)

    def split(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (G N R, D), keys and values (G N, D)."""
        size = qkv.shape[-1]
        k, v = qkv[:, self.heads :].transpose(0, 1).reshape(2, -1, size).unbind(0)
        return self.by_group(qkv[:, : self.heads]), k, v

    def forward(
        self, qkv: Tensor, bundles: list[Bundle], out: Tensor, arena: Arena | None
    ) -> list[Tensor | None]:
        """Write the result of every bundle's queries into `out`; return the weights kept."""
        size = qkv.shape[-1]
        q, k, v = self.split(qkv)
        results = torch.empty_like(q)
        budget = KEEP if arena else 0
        kept: list[Tensor | None] = []
        for bundle in bundles:
            units = self.groups * bundle.shape[0]
            queries, keys, values = (
                x.index_select(0, rows).view(units, -1, size)
                for x, rows in ((q, bundle.rows), (k, bundle.places), (v, bundle.places))
            )
            exact = self.weights(queries, keys, bundle)
            budget -= exact.numel()
            if arena and budget >= 0:
                p = arena.take(*exact.shape, dtype=q.dtype).copy_(exact)
            else:
                p = exact.to(q.dtype)
            result = torch.bmm(p, values).view(-1, size)
            results.index_copy_(0, bundle.targets, result.index_select(0, bundle.own))
            kept.append(p if budget >= 0 else None)
        laid = results.view(self.groups, -1, self.per_group, size)
        out.view(-1, self.groups, self.per_group, size).copy_(laid.transpose(0, 1))
        return kept

    def backward(
        self, qkv: Tensor, bundles: list[Bundle], kept: list[Tensor | None], grad: Tensor
    ) -> Tensor:
        """The gradients of queries, keys and values (N, H + 2G, D), float32."""
        size = qkv.shape[-1]
        q, k, v = self.split(qkv)
        d = grad.new_zeros(len(q) + 1, size)
        self.by_group(grad, d[:-1])
        dq = torch.zeros_like(q)
        dkv = torch.zeros(2, *k.shape, device=k.device)
        for bundle, weights in zip(bundles, kept, strict=True):
            units = self.groups * bundle.shape[0]
            queries, keys, values, asked = (
                x.index_select(0, rows).view(units, -1, size)
                for x, rows in (
                    (q, bundle.rows),
                    (k, bundle.places),
                    (v, bundle.places),
                    (d, bundle.graded),
                )
            )
            p = self.weights(queries, keys, bundle).to(q.dtype) if weights is None else weights
            dp = torch.bmm(asked, values.transpose(1, 2))
            ds = torch._softmax_backward_data(dp, p, -1, p.dtype)
            own = torch.bmm(ds, keys).view(-1, size).index_select(0, bundle.own)
            dq.index_copy_(0, bundle.targets, own)
            for into, weight, by in ((dkv[0], ds, queries), (dkv[1], p, asked)):
                part = torch.bmm(weight.transpose(1, 2), by).view(-1, size)
                into.index_add_(0, bundle.places, part.float())
        result = torch.empty(qkv.shape, device=qkv.device)
        laid = dq.view(self.groups, -1, self.per_group, size).transpose(0, 1)
        result[:, : self.heads].unflatten(1, (self.groups, self.per_group)).copy_(laid)
        result[:, self.heads :].copy_(dkv.view(2 * self.groups, -1, size).transpose(0, 1))
        return result
