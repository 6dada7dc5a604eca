"""Attention by blocks and by trees against one softmax with one mask over the whole batch."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from training.engine import attention, blocks
from training.engine.arena import Arena
from training.engine.attention import Attention, Blocks, attention_for
from training.engine.blocks import Block, blocks_of, bundled
from training.engine.data import Group, Pair, TreeBatch, collate
from training.engine.kernels import library
from training.engine.kernels.attention import Trees
from training.engine.kernels.library import c_compiler
from training.engine.modeling import tree_mask

HEADS, GROUPS, SIZE = 6, 2, 8
TIGHT = {"rtol": 1e-5, "atol": 2e-5}

# Not whether it was built: that it can be where there is a compiler is for the tests to say.
needs_compiler = pytest.mark.skipif(c_compiler() is None, reason="no C compiler here")


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


@dataclass
class Case:
    """Random queries, keys, values and a gradient, with what one mask over all gives for them."""

    batch: TreeBatch
    qkv: Tensor
    grad: Tensor
    out: Tensor
    gradient: Tensor


def case(batch: TreeBatch, size: int = SIZE, dtype: torch.dtype = torch.float32) -> Case:
    torch.manual_seed(0)
    qkv = torch.randn(len(batch.ids), HEADS + 2 * GROUPS, size)
    qkv[:, :HEADS] /= size**0.5
    qkv = qkv.to(dtype)
    grad = torch.randn(len(batch.ids), HEADS, size).to(dtype)
    exact = qkv.double().requires_grad_()
    out = dense(exact, batch)
    out.backward(grad)
    assert exact.grad is not None
    return Case(batch, qkv, grad, out.detach().to(dtype).contiguous(), exact.grad.float())


def assert_gives(ours: Attention, case: Case) -> None:
    out, plan = torch.empty_like(case.out), ours.plan(case.batch, "all")
    kept = ours.forward(case.qkv, plan, out, Arena(out.device))
    rough = {"rtol": 2**-7, "atol": 1e-5} if out.dtype == torch.bfloat16 else TIGHT
    torch.testing.assert_close(out, case.out, **rough)
    gradient = ours.backward(case.qkv, plan, kept, case.grad)
    torch.testing.assert_close(gradient, case.gradient, **TIGHT)


@pytest.mark.parametrize("strip", [4, 1000])
@pytest.mark.parametrize("overhead", [0, 10**9])
@pytest.mark.parametrize("keep", [0, 2**20])
def test_blocks_give_what_one_mask_gives(
    batch: TreeBatch, strip: int, overhead: int, keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "STRIP", strip)
    monkeypatch.setattr(blocks, "OVERHEAD", overhead)
    monkeypatch.setattr(attention, "KEEP", keep)
    assert_gives(Blocks(HEADS, GROUPS), case(batch))


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [8, 20, 64])
def test_the_kernel_gives_what_one_mask_gives(
    batch: TreeBatch, size: int, dtype: torch.dtype
) -> None:
    """Strips end within runs: one holds 16 tokens. Cells end within heads of 8 and 20 numbers."""
    assert_gives(Trees(HEADS, GROUPS), case(batch, size, dtype))


@needs_compiler
@pytest.mark.parametrize(("heads", "groups"), [(1, 1), (5, 5), (48, 1)])
def test_the_kernel_takes_any_heads(
    batch: TreeBatch, heads: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.HEADS", heads)
    monkeypatch.setattr(f"{__name__}.GROUPS", groups)
    assert_gives(Trees(heads, groups), case(batch))


@needs_compiler
def test_the_kernel_gives_the_same_with_any_threads(batch: TreeBatch) -> None:
    given, ours, threads = case(batch, 64), Trees(HEADS, GROUPS), torch.get_num_threads()
    plan, results = ours.plan(batch, "all"), []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        try:
            out = torch.empty_like(given.out)
            kept = ours.forward(given.qkv, plan, out, None)
            results.append([out, kept, ours.backward(given.qkv, plan, kept, given.grad)])
        finally:
            torch.set_num_threads(threads)
    for result in results[1:]:
        assert all(map(torch.equal, results[0], result))


@needs_compiler
def test_a_number_that_is_none_is_not_lost(batch: TreeBatch) -> None:
    """It must reach the loss, so that the run stops; and nobody who does not see it."""
    given, ours = case(batch), Trees(HEADS, GROUPS)
    own = batch.trees[1]
    given.qkv[own.start + own.prompt_length] = float("nan")  # where the first response begins
    out, plan = torch.empty_like(given.out), ours.plan(batch, "all")
    kept = ours.forward(given.qkv, plan, out, None)
    lost = out.isnan().flatten(1).any(1).nonzero().flatten()
    first = own.start + own.prompt_length
    assert lost.tolist() == list(range(first, first + own.response_lengths[0]))
    assert ours.backward(given.qkv, plan, kept, given.grad)[own.start].isnan().any()


def test_what_computes_hangs_on_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(library, "load", lambda dtype: object())
    assert isinstance(attention_for(6, 2, cpu, torch.bfloat16), Trees)
    assert isinstance(attention_for(6, 2, cuda, torch.bfloat16), Blocks)
    assert isinstance(attention_for(49, 1, cpu, torch.bfloat16), Blocks)
    monkeypatch.setattr(library, "load", lambda dtype: None)
    assert isinstance(attention_for(6, 2, cpu, torch.bfloat16), Blocks)


@pytest.mark.parametrize("kind", [Blocks, pytest.param(Trees, marks=needs_compiler)])
@pytest.mark.parametrize("last", ["predict", "ends"])
def test_the_last_layer_attends_from_what_is_read_only(
    batch: TreeBatch, last: str, kind: type[Blocks | Trees]
) -> None:
    read = batch.predict.unique() if last == "predict" else batch.last
    given, ours = case(batch), kind(HEADS, GROUPS)
    asked = torch.zeros(len(batch.ids), dtype=torch.bool)
    for block in blocks_of(batch, last=last):
        asked[block.start : block.start + block.length] = True
    assert asked[read].all()
    assert asked.sum() < len(batch.ids)  # the rest is not computed
    out, plan = torch.full_like(given.out, 7.0), ours.plan(batch, last)
    kept = ours.forward(given.qkv, plan, out, None)
    torch.testing.assert_close(out[asked], given.out[asked], **TIGHT)
    assert (out[~asked] == 7.0).all()

    exact = given.qkv.double().requires_grad_()
    grad = given.grad * asked[:, None, None]
    dense(exact, batch).backward(grad)
    assert exact.grad is not None
    gradient = ours.backward(given.qkv, plan, kept, grad)
    torch.testing.assert_close(gradient, exact.grad.float(), **TIGHT)


def test_every_query_stands_in_one_block(batch: TreeBatch) -> None:
    asked = [i for b in blocks_of(batch) for i in range(b.start, b.start + b.length)]
    assert sorted(asked) == list(range(len(batch.ids)))


def test_alike_blocks_go_together_and_unlike_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "OVERHEAD", 1000)
    small = [Block(i, 2, ((0, 10),)) for i in range(5)]
    large = [Block(10 + i, 100, ((0, 300),)) for i in range(2)]
    # together: 7 · 100 · 300 + 1000; apart: 5 · 2 · 10 + 2 · 100 · 300 + 2 · 1000
    assert sorted(bundled(small + large), key=len) == [large, small]
