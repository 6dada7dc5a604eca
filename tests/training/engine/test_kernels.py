"""The kernels in C against the same functions in torch, and what they do where C cannot be had."""

import subprocess
from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.engine.kernels import kernels_for, native, plain
from training.engine.kernels.plain import Rotation

BF16 = torch.bfloat16
WIDTHS = (5, 64, 100)  # with and without a rest that fills no vector

needs_compiler = pytest.mark.skipif(native.library() is None, reason="no C compiler here")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def random(*shape: int) -> Tensor:
    return torch.randn(shape).to(BF16)


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    """Equal but for one rounding to bfloat16, which keeps eight binary digits."""
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=2**-7, atol=2e-3)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("adds", [True, False])
def test_norms(width: int, adds: bool) -> None:
    x, gain = torch.randn(7, width), torch.rand(width) + 0.5
    p = random(7, width) if adds else None
    results, copies = [], [x.clone(), x.clone()]
    for ops, mine in zip((native, plain), copies, strict=True):
        results.append(ops.add_norm(mine, p, gain, 1e-5, BF16, torch.empty))
    torch.testing.assert_close(*copies)
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs)
    assert native.add_norm(x, None, gain, 1e-5, BF16, None)[1] is None


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_gradients_of_norms(width: int) -> None:
    dx, gain, dgain = torch.randn(7, width), torch.rand(width) + 0.5, torch.randn(width)
    dout, n, r = random(7, width), random(7, width), torch.rand(7, 1)
    both = []
    for ops in (native, plain):
        mine = dx.clone(), dgain.clone()
        narrowed = ops.add_norm_backward(mine[0], dout, n, r, gain, mine[1])
        assert_close(narrowed, mine[0])
        both.append(mine)
    for ours, theirs in zip(*both, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@needs_compiler
def test_rotations_and_their_gradients() -> None:
    angles = torch.rand(7, 8)
    rotation = Rotation(angles.cos(), angles.sin(), turned=6, scaled=4, scale=0.25)
    qkv, d = random(7, 8, 16), torch.randn(7, 8, 16)
    ours, theirs = qkv.clone(), qkv.clone()
    native.rotate(ours, rotation)
    plain.rotate(theirs, rotation)
    assert_close(ours, theirs)
    assert torch.equal(ours[:, 6:], qkv[:, 6:])  # the values
    expected = plain.rotate_back(d.clone(), rotation, BF16)
    assert_close(native.rotate_back(d, rotation, BF16), expected)
    # A turn is orthogonal: its gradient undoes it, but for the scale, which comes twice.
    back = native.rotate_back(theirs.float(), rotation, BF16)
    scales = torch.tensor([0.25**2] * 4 + [1.0] * 4)[:, None]
    torch.testing.assert_close(back.float(), qkv * scales, rtol=0, atol=2e-2)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_the_gated_mlp(width: int) -> None:
    gate_up, dout = random(7, 2 * width) * 4, random(7, width)
    assert_close(native.swiglu(gate_up), plain.swiglu(gate_up))
    ours, theirs = (torch.zeros(7, 2 * width + 6, dtype=BF16)[:, : 2 * width] for _ in range(2))
    again = native.swiglu_backward(gate_up, dout, ours)
    assert_close(again, plain.swiglu_backward(gate_up, dout, theirs))
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=2**-6, atol=2e-2)


@needs_compiler
def test_moving_tokens_between_blocks_and_batches() -> None:
    groups, per_group, size = 2, 3, 4
    x = random(9, groups * per_group + 2, size)
    places = torch.tensor([0, 4, -1, 8, 3])
    blocks = [ops.gather(x, places, 1, groups, per_group) for ops in (native, plain)]
    assert torch.equal(*blocks)
    assert blocks[0].shape == (groups, 5, per_group, size)
    assert torch.equal(blocks[0][1, 1], x[4, 1 + per_group : 1 + 2 * per_group])
    assert not blocks[0][:, 2].any()
    outs = [torch.zeros(9, groups * per_group, size, dtype=BF16) for _ in range(2)]
    sums = [torch.zeros(9, groups * per_group + 2, size) for _ in range(2)]
    twice = torch.tensor([4, 4, -1, 8, 3])
    for ops, out, into in zip((native, plain), outs, sums, strict=True):
        ops.put(blocks[0], places, out)
        ops.add_at(blocks[0], twice, 2, into)
    assert torch.equal(*outs)
    torch.testing.assert_close(*sums)
    assert sums[0][4, 2:].any()
    assert not sums[0][:, :2].any()


@needs_compiler
@pytest.mark.parametrize("keys", WIDTHS)
def test_softmaxes_over_what_is_seen(keys: int) -> None:
    groups, per_group = 2, 3
    seen = torch.tensor([[1, 2, keys], [3, keys - 1, 1]], dtype=torch.int32)
    scores = random(groups * 2, 3 * per_group, keys) * 5
    ours, theirs = torch.empty_like(scores), torch.empty_like(scores)
    native.causal_softmax(scores, seen, per_group, ours)
    plain.causal_softmax(scores.clone(), seen, per_group, theirs)
    assert_close(ours, theirs)
    assert not ours[0, 0, 1:].any()
    d = random(*scores.shape)
    expected = d.clone()
    native.softmax_backward(theirs, d)
    plain.softmax_backward(theirs, expected)
    assert_close(d, expected)


@needs_compiler
@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("words", [40, 5000])
def test_the_softmax_of_a_vocabulary(words: int, temperature: float) -> None:
    z = random(7, words) * 3
    for keep in (False, True):
        ours, theirs = z.clone(), z.clone()
        torch.testing.assert_close(
            native.vocabulary_softmax(ours, temperature, keep),
            plain.vocabulary_softmax(theirs, temperature, keep),
            rtol=0,
            atol=1e-5,
        )
        assert_close(ours, theirs)
    by = torch.randn(7)
    for ops, each in ((native, ours), (plain, theirs)):
        ops.scale_rows(each, by)
    assert_close(ours, theirs)


@needs_compiler
def test_a_number_that_is_none_is_not_lost() -> None:
    """It must reach the loss, so that the run stops."""
    bad = torch.full((2, 6), float("nan"), dtype=BF16)
    assert native.swiglu(bad).isnan().all()
    assert native.vocabulary_softmax(bad, 1.0, keep=True).isnan().all()
    out = torch.empty(2, 1, 6, dtype=BF16)
    seen = torch.full((2, 1), 6, dtype=torch.int32)
    native.causal_softmax(bad[:, None].contiguous(), seen, 1, out)
    assert out.isnan().all()
    assert native.add_norm(bad.float(), None, torch.ones(6), 1e-5, BF16, None)[0].isnan().all()


@needs_compiler
def test_a_tensor_with_strides_is_refused() -> None:
    with pytest.raises(ValueError, match="strides"):
        native.swiglu(random(6, 4).t())


def test_float32_and_other_devices_run_in_torch() -> None:
    assert kernels_for(torch.device("cpu"), torch.float32) is plain
    assert kernels_for(torch.device("cuda"), BF16) is plain


@pytest.mark.parametrize("broken", ["no compiler", "it fails", "nowhere to write"])
def test_without_a_library_the_plain_kernels_serve(
    broken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if broken == "no compiler":
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CC", raising=False)
    elif broken == "it fails":
        monkeypatch.setenv("CC", "/bin/false")
    else:
        (tmp_path / "prefloop").write_text("a file where the folder should be")
    native.library.cache_clear()
    try:
        assert native.library() is None
        assert kernels_for(torch.device("cpu"), BF16) is plain
    finally:
        native.library.cache_clear()


@needs_compiler
def test_it_is_compiled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler = native.c_compiler()
    assert compiler is not None
    built = native.build(compiler)
    assert [path.name for path in (tmp_path / "prefloop").iterdir()] == [built.name]
    monkeypatch.setattr(subprocess, "run", None)
    assert native.build(compiler) == built
