"""Attention over packed tree rows in C (attention.c): engine/attention.py says what it is.

Instead of probabilities it keeps one number for each query and head.
"""

import ctypes
from dataclasses import dataclass

import torch
from torch import Tensor

from training.engine.arena import Arena
from training.engine.data import TreeBatch
from training.engine.kernels.library import call, load

MOST = 48  # heads of a group: the kernel's strip of queries holds at least one token's


@dataclass(frozen=True)
class Runs:
    """What the kernel goes by: T trees, the first of which is the root, of C runs of tokens."""

    trees: Tensor  # (T + 1,) int64: where each tree's runs begin
    runs: Tensor  # (C, 3) int64: start, end, first query; of each tree the prompt first
    root: int
    keys: int  # the most that a tree has in sight: the root, its prompt, its longest response
    asks_all: bool  # whether every token is a query


def runs_of(batch: TreeBatch, last: str) -> Runs:
    """`last` is as in `blocks.blocks_of`. Large trees come first: so the threads end together."""
    runs = [(0, batch.root, 0 if last == "all" else batch.root)]
    trees, keys = [0, 1], batch.root
    for tree in sorted(batch.trees, key=lambda t: -t.prompt_length - sum(t.response_lengths)):
        start = tree.start + tree.prompt_length
        first = {"all": tree.start, "predict": start - 1, "ends": start}[last]
        runs.append((tree.start, start, max(tree.start, first)))
        for length in tree.response_lengths:
            end = start + length
            runs.append((start, end, end - 1 if last == "ends" else start))
            start = end
        trees.append(len(runs))
        keys = max(keys, batch.root + tree.prompt_length + max(tree.response_lengths, default=0))
    return Runs(torch.tensor(trees), torch.tensor(runs), batch.root, keys, last == "all")


class Trees:
    """Attention tree by tree, by the kernel."""

    def __init__(self, heads: int, groups: int) -> None:
        self.heads, self.groups = heads, groups

    def plan(self, batch: TreeBatch, last: str) -> Runs:
        return runs_of(batch, last)

    def forward(self, qkv: Tensor, plan: Runs, out: Tensor, arena: Arena | None) -> Tensor:
        """Returns the logarithms of the softmaxes' denominators (N, H)."""
        take = arena.take if arena else qkv.new_empty
        lse = take(len(qkv), self.heads, dtype=torch.float32)
        self.run("attention", qkv, plan, out, lse)
        return lse

    def backward(self, qkv: Tensor, plan: Runs, kept: Tensor, grad: Tensor) -> Tensor:
        into = (torch.empty if plan.asks_all else torch.zeros)(qkv.shape)
        of_root = torch.empty(len(plan.trees) - 1, self.groups, 2, plan.root, qkv.shape[-1])
        self.run("attention_backward", qkv, plan, grad, kept, into, of_root)
        return into

    def run(self, name: str, qkv: Tensor, plan: Runs, *more: Tensor) -> None:
        size, trees = qkv.shape[-1], len(plan.trees) - 1
        desk = desk_size(qkv.dtype, plan.keys, size)
        desks = torch.empty(torch.get_num_threads(), desk)
        laid_out = (trees, plan.trees, plan.runs, plan.root, plan.keys)
        call(name, qkv.dtype, self.heads, self.groups, size, *laid_out, qkv, desks, *more)


def desk_size(dtype: torch.dtype, keys: int, size: int) -> int:
    """How many numbers a thread needs to work on."""
    found = load(dtype)
    assert found is not None  # else `attention_for` chooses torch
    found.attention_desk.restype = ctypes.c_long
    return int(found.attention_desk(ctypes.c_long(keys), ctypes.c_long(size)))
