"""Attention by blocks against one softmax with one mask over the whole batch."""

import pytest
import torch
from torch import Tensor

from training.engine import attention
from training.engine.arena import Arena
from training.engine.attention import Attention, Block, bundled, plan
from training.engine.data import Group, Pair, TreeBatch, collate
from training.engine.modeling import tree_mask

HEADS, GROUPS, SIZE = 6, 2, 8


@pytest.fixture(params=[0, 12])
def batch(request: pytest.FixtureRequest) -> TreeBatch:
    """Three trees of different shapes, with and without a root of `param` tokens."""
    root = list(range(5, 5 + request.param))
    shapes = [(9, (4, 1, 7)), (3, (2, 2)), (40, (30, 5))]
    pairs = [Pair(0, 1, 1.0)]
    return collate(
        [
            Group(i, [*root, 90 + i, *range(prompt)], [[7] * n for n in lengths], pairs, [0, 1])
            for i, (prompt, lengths) in enumerate(shapes)
        ]
    )


def dense(qkv: Tensor, batch: TreeBatch) -> Tensor:
    q, k, v = qkv.split([HEADS, GROUPS, GROUPS], dim=1)
    k, v = (x.repeat_interleave(HEADS // GROUPS, dim=1) for x in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q, k).masked_fill(~tree_mask(batch), float("-inf"))
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), v)


@pytest.mark.parametrize("strip", [4, 1000])
@pytest.mark.parametrize("overhead", [0, 10**9])
@pytest.mark.parametrize("keep", [0, 2**20])
def test_blocks_give_what_one_mask_gives(
    batch: TreeBatch, strip: int, overhead: int, keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "STRIP", strip)
    monkeypatch.setattr(attention, "OVERHEAD", overhead)
    monkeypatch.setattr(attention, "KEEP", keep)
    torch.manual_seed(0)
    qkv = torch.randn(len(batch.ids), HEADS + 2 * GROUPS, SIZE, requires_grad=True)
    grad = torch.randn(len(batch.ids), HEADS, SIZE)
    expected = dense(qkv, batch)
    expected.backward(grad)

    ours, out = Attention(HEADS, GROUPS), torch.empty(len(batch.ids), HEADS, SIZE)
    bundles = ours.bundles(batch, "all")
    kept = ours.forward(qkv.detach(), bundles, out, Arena(qkv.device))
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-5)
    assert all((weights is None) == (keep == 0) for weights in kept)
    gradient = ours.backward(qkv.detach(), bundles, kept, grad)
    torch.testing.assert_close(gradient, qkv.grad, rtol=0, atol=1e-5)


@pytest.mark.parametrize("last", ["predict", "ends"])
def test_the_last_layer_attends_from_what_is_read_only(batch: TreeBatch, last: str) -> None:
    read = batch.predict.unique() if last == "predict" else batch.last
    torch.manual_seed(0)
    qkv = torch.randn(len(batch.ids), HEADS + 2 * GROUPS, SIZE)
    out = torch.empty(len(batch.ids), HEADS, SIZE)
    ours = Attention(HEADS, GROUPS)
    ours.forward(qkv, ours.bundles(batch, last), out, None)
    torch.testing.assert_close(out[read], dense(qkv, batch)[read], rtol=0, atol=1e-5)
    asked = sum(block.length for block in plan(batch, last=last))
    assert len(read) <= asked < len(batch.ids)  # the rest was not computed


def test_every_query_stands_in_one_block(batch: TreeBatch) -> None:
    asked = [i for b in plan(batch) for i in range(b.start, b.start + b.length)]
    assert sorted(asked) == list(range(len(batch.ids)))


def test_alike_blocks_go_together_and_unlike_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "OVERHEAD", 1000)
    small = [Block(i, 2, ((0, 10),)) for i in range(5)]
    large = [Block(10 + i, 100, ((0, 300),)) for i in range(2)]
    # together: 7 · 100 · 300 + 1000; apart: 5 · 2 · 10 + 2 · 100 · 300 + 2 · 1000
    assert sorted(bundled(small + large), key=len) == [large, small]
