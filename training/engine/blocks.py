"""What attention computes together: blocks of queries with the keys they see, bundles of blocks.

Every block is: some keys that all its queries see, then keys of its own, seen causally. Long blocks
are cut into strips of queries, which cuts off most of what the causal mask throws away.

Blocks alike in size are padded to one size and computed together (`Bundle`): a product of many
small matrices keeps a device busier than many small products. Which ones go together is decided by
what padding costs against what another round of operations costs (`OVERHEAD`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from training.engine.data import TreeBatch

STRIP = 128  # queries of one block
OVERHEAD = 12_000  # a round of operations takes as long as so many (query, key) pairs
WINDOW = 48  # blocks that are looked at together when bundles are formed
LARGEST = 250_000  # (query, key) pairs in a bundle of several blocks: more would not be faster


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


def blocks_of(batch: TreeBatch, *, last: str = "all") -> list[Block]:
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
