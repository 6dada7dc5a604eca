"""The kernels in C against the same functions in torch, and what they do where C cannot be had."""

import subprocess
from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.engine.kernels import kernels_for, library, native, plain
from training.engine.kernels.plain import AdamW, Rotation

BF16, F32 = torch.bfloat16, torch.float32
WIDTHS = (5, 64, 100)  # with and without a rest that fills no vector

# Not whether it was built: that it can be where there is a compiler is for the tests to say.
needs_compiler = pytest.mark.skipif(library.c_compiler() is None, reason="no C compiler here")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=[BF16, F32], ids=["bfloat16", "float32"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    chosen: torch.dtype = request.param
    return chosen


def random(dtype: torch.dtype, *shape: int) -> Tensor:
    return torch.randn(shape).to(dtype)


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    """Equal but for one rounding: bfloat16 keeps eight binary digits, float32 twenty-four."""
    rough = BF16 in (ours.dtype, theirs.dtype)
    rtol, atol = (2**-7, 2e-3) if rough else (1e-5, 1e-5)
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=rtol, atol=atol)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("adds", [True, False])
def test_norms(dtype: torch.dtype, width: int, adds: bool) -> None:
    x, gain = torch.randn(7, width), torch.rand(width) + 0.5
    p = random(dtype, 7, width) if adds else None
    results, copies = [], [x.clone(), x.clone()]
    for ops, mine in zip((native, plain), copies, strict=True):
        results.append(ops.add_norm(mine, p, gain, 1e-5, dtype, torch.empty))
    torch.testing.assert_close(*copies)
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs)
    assert native.add_norm(x, None, gain, 1e-5, dtype, None)[1] is None


@needs_compiler
def test_small_numbers_count_beside_large_ones_in_a_norm() -> None:
    """32 squares of 2²⁴ and 4,064 of 1, which a float32 sum at 2²⁴ would not move by."""
    x = torch.ones(1, 4096)
    x[:, :32] = 4096.0
    r = native.add_norm(x, None, torch.ones(4096), 0.0, F32, None)[2]
    assert r.item() == pytest.approx(((2**29 + 4064) / 4096) ** -0.5, rel=1e-7)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_gradients_of_norms(dtype: torch.dtype, width: int) -> None:
    dx, gain, dgain = torch.randn(7, width), torch.rand(width) + 0.5, torch.randn(width)
    dout, n, r = random(dtype, 7, width), random(dtype, 7, width), torch.rand(7, 1)
    both = []
    for ops in (native, plain):
        mine = dx.clone(), dgain.clone()
        narrowed = ops.add_norm_backward(mine[0], dout, n, r, gain, mine[1])
        assert_close(narrowed, mine[0])
        both.append(mine)
    for ours, theirs in zip(*both, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@needs_compiler
def test_rotations_and_their_gradients(dtype: torch.dtype) -> None:
    angles = torch.rand(7, 8)
    rotation = Rotation(angles.cos(), angles.sin(), turned=6, scaled=4, scale=0.25)
    qkv, d = random(dtype, 7, 8, 16), torch.randn(7, 8, 16)
    ours, theirs = qkv.clone(), qkv.clone()
    native.rotate(ours, rotation)
    plain.rotate(theirs, rotation)
    assert_close(ours, theirs)
    assert torch.equal(ours[:, 6:], qkv[:, 6:])  # the values
    expected = plain.rotate_back(d.clone(), rotation, dtype)
    assert_close(native.rotate_back(d, rotation, dtype), expected)
    # A turn is orthogonal: its gradient undoes it, but for the scale, which comes twice.
    back = native.rotate_back(theirs.float(), rotation, dtype)
    scales = torch.tensor([0.25**2] * 4 + [1.0] * 4)[:, None]
    torch.testing.assert_close(back.float(), qkv * scales, rtol=0, atol=2e-2)


@needs_compiler
@pytest.mark.parametrize("width", WIDTHS)
def test_the_gated_mlp(dtype: torch.dtype, width: int) -> None:
    gate_up, dout = random(dtype, 7, 2 * width) * 4, random(dtype, 7, width)
    assert_close(native.swiglu(gate_up), plain.swiglu(gate_up))
    ours, theirs = (torch.zeros(7, 2 * width + 6, dtype=dtype)[:, : 2 * width] for _ in range(2))
    again = native.swiglu_backward(gate_up, dout, ours)
    assert_close(again, plain.swiglu_backward(gate_up, dout, theirs))
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=2**-6, atol=2e-2)


@needs_compiler
@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize("words", [40, 5000])
def test_the_softmax_of_a_vocabulary(dtype: torch.dtype, words: int, temperature: float) -> None:
    z = random(dtype, 7, words) * 3
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
@pytest.mark.parametrize("count", [3, 10_000])
def test_the_optimizer(dtype: torch.dtype, count: int) -> None:
    weights, gradient = torch.randn(count), random(dtype, count)
    torch.testing.assert_close(native.squares(gradient), plain.squares(gradient), rtol=1e-5, atol=0)
    assert native.squares(gradient).dtype == torch.float64
    moments = torch.randn(count), torch.rand(count)
    how = AdamW(0.01, 0.1, (0.9, 0.999), 1e-8, torch.tensor(3.0), torch.tensor(2.0))
    both = []
    for ops in (native, plain):
        master, mine = weights.clone(), (moments[0].clone(), moments[1].clone())
        copy = master if dtype == F32 else torch.empty(count, dtype=dtype)
        ops.adamw(master, gradient, mine, copy, how)
        assert torch.equal(copy, master.to(dtype))
        both.append((master, *mine))
    for ours, theirs in zip(*both, strict=True):
        torch.testing.assert_close(ours, theirs)


@needs_compiler
def test_a_number_that_is_none_is_not_lost(dtype: torch.dtype) -> None:
    """It must reach the loss, so that the run stops."""
    bad = torch.full((2, 6), float("nan"), dtype=dtype)
    assert native.swiglu(bad).isnan().all()
    assert native.vocabulary_softmax(bad, 1.0, keep=True).isnan().all()
    assert native.add_norm(bad.float(), None, torch.ones(6), 1e-5, dtype, None)[0].isnan().all()


@needs_compiler
def test_a_tensor_with_strides_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match="strides"):
        native.swiglu(random(dtype, 6, 4).t())


def test_other_dtypes_and_devices_run_in_torch() -> None:
    assert kernels_for(torch.device("cpu"), torch.float64) is plain
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
    library.load.cache_clear()
    try:
        assert library.load(BF16) is None
        assert kernels_for(torch.device("cpu"), BF16) is plain
    finally:
        library.load.cache_clear()


@needs_compiler
def test_it_is_compiled_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler = library.c_compiler()
    assert compiler is not None
    built = library.build(compiler, BF16)
    assert [path.name for path in (tmp_path / "prefloop").iterdir()] == [built.name]
    monkeypatch.setattr(subprocess, "run", None)
    assert library.build(compiler, BF16) == built
    monkeypatch.undo()
    assert library.build(compiler, F32) != built
