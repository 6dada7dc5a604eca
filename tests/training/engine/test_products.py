"""Products that are cut, those of our own kernel, and the memory of a pass."""

import pytest
import torch
from torch import Tensor, nn

from training.engine import products
from training.engine.arena import Arena
from training.engine.flat import FlatParameters
from training.engine.kernels import products as kernel
from training.engine.kernels.library import c_compiler
from training.engine.products import multiply, piece, product

# Not whether it was built: that it can be where these are is for the tests to say.
needs_ours = pytest.mark.skipif(
    c_compiler() is None or torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"),
    reason="no C compiler or no AVX2 here",
)


@pytest.mark.parametrize("step", [1, 3, 4, 100])
def test_a_product_that_is_cut_is_the_product(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "HAS_TILES", True)
    monkeypatch.setattr(products, "piece", lambda *_: step)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    x = torch.arange(28).reshape(7, 4).to(torch.bfloat16)
    w = torch.tensor([[1.0], [0.0], [-1.0], [2.0]], dtype=torch.bfloat16)
    # row i holds 4i … 4i + 3: 4i − (4i + 2) + 2 (4i + 3) = 8i + 4
    assert product(x, w).flatten().tolist() == [4, 12, 20, 28, 36, 44, 52]
    out = torch.empty(7, 1, dtype=torch.bfloat16)
    assert product(x, w, out) is out
    assert product(x[:0], w).shape == (0, 1)


def laid(rows: int, columns: int, how: str, dtype: torch.dtype) -> Tensor:
    """A random matrix that lies row by row, column by column, with gaps, or like no matrix."""
    if how == "columns":
        return torch.randn(columns, rows, dtype=dtype).t()
    if how == "gaps":
        return torch.randn(rows, columns + 32, dtype=dtype)[:, :columns]
    if how == "neither":
        return torch.randn(rows, 2 * columns, dtype=dtype)[:, ::2]
    return torch.randn(rows, columns, dtype=dtype)


@needs_ours
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("b_lies", ["rows", "columns", "gaps", "neither"])
@pytest.mark.parametrize("a_lies", ["rows", "columns", "gaps", "neither"])
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [
        *((1, 1, 1), (5, 7, 17), (6, 8, 16), (7, 5, 1), (16, 17, 6), (17, 16, 5), (100, 100, 100)),
        *((12, 512, 48), (193, 257, 769), (577, 1, 577), (1, 577, 16), (1155, 577, 20)),
    ],
)
def test_our_product_is_the_product(
    m: int, k: int, n: int, a_lies: str, b_lies: str, add: bool, dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    a, b = laid(m, k, a_lies, dtype), laid(k, n, b_lies, dtype)
    whole = torch.full((m, n + 3), 2.0 if add else float("nan"), dtype=dtype)
    out = whole[:, 1 : n + 1]
    kernel.multiply(a, b, out, add)
    exact = a.double() @ b.double() + (2.0 if add else 0.0)
    size = a.double().abs() @ b.double().abs() + 2.0
    rounding = 2**-8 * exact.abs() if dtype == torch.bfloat16 else 0.0  # of the result, once
    assert ((out - exact).abs() <= 2**-24 * (10 + k**0.5) * size + rounding).all()
    around = whole[:, [0, n + 1, n + 2]]  # is left alone
    assert (around == 2.0).all() if add else around.isnan().all()


@needs_ours
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_our_product_does_not_hang_on_threads(threads: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(350, 577, dtype=dtype), torch.randn(577, 601, dtype=dtype)
    usual = torch.get_num_threads()
    first, again = torch.empty(2, 350, 601, dtype=dtype)
    kernel.multiply(a, b, first, add=False)
    try:
        torch.set_num_threads(threads)
        for _ in range(3):
            kernel.multiply(a, b, again, add=False)
            assert torch.equal(again, first)
    finally:
        torch.set_num_threads(usual)
    kernel.multiply(a[7:19], b, again[:12], add=False)
    assert torch.equal(again[:12], first[7:19])  # nor on the rows beside one's own


@needs_ours
def test_our_product_passes_on_what_is_no_number() -> None:
    a, b, out = torch.ones(20, 30), torch.ones(30, 40), torch.empty(20, 40)
    a[3, 4] = float("nan")
    kernel.multiply(a, b, out, add=False)
    assert out.isnan().any(dim=1).nonzero().flatten().tolist() == [3]


@needs_ours
def test_our_product_refuses_what_it_cannot_multiply() -> None:
    a, b, out = torch.ones(2, 3), torch.ones(3, 4), torch.ones(2, 4)
    for wrong in [(a, b.t(), out), (a, b, out.t()), (a[:0], b, out[:0]), (a[:, :0], b[:0], out)]:
        with pytest.raises(ValueError, match="no matrices"):
            kernel.multiply(*wrong, add=False)
    for wrong in [(a.double(), b, out), (a, b, torch.ones(4, 2).t())]:
        with pytest.raises(ValueError, match="one dtype"):
            kernel.multiply(*wrong, add=False)
    with pytest.raises(ValueError, match="no kernels in C for torch.float64"):
        kernel.multiply(a.double(), b.double(), out.double(), add=False)


@pytest.mark.parametrize("ours", [{torch.float32, torch.bfloat16}, set()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("m", "k", "n"), [(0, 3, 4), (2, 0, 4), (2, 3, 4), (130, 128, 136)])
def test_products_of_any_size_and_kind(
    m: int,
    k: int,
    n: int,
    dtype: torch.dtype,
    ours: set[torch.dtype],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "OURS", ours)
    a = torch.randint(-3, 4, (m, k)).to(dtype)
    b = torch.randint(0, 2, (k, n)).to(dtype)
    out, expected = torch.full((m, n), 9.0, dtype=dtype), (a.double() @ b.double()).to(dtype)
    multiply(a, b, out)
    assert torch.equal(out, expected)
    multiply(a, b, out, add=True)
    torch.testing.assert_close(out, 2 * expected)


@needs_ours
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ours_serves_where_it_is_faster(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "OURS", {dtype})
    large, small = torch.empty(300, 300, dtype=dtype), torch.empty(20, 20, dtype=dtype)
    assert products.is_ours(large, large, large)
    assert not products.is_ours(small, small, small)  # the call would take longer than the sums
    assert not products.is_ours(large[:1], large, large[:1])
    assert not products.is_ours(large.double(), large.double(), large.double())
    monkeypatch.setattr(kernel, "load", lambda _: None)
    assert not products.is_ours(large, large, large)
    monkeypatch.undo()
    monkeypatch.setattr(products, "OURS", set())
    assert not products.is_ours(large, large, large)


@pytest.mark.parametrize(
    ("capability", "bfloat16", "tiles", "vendor", "expected"),
    [
        ("AVX2", False, False, "AuthenticAMD", {torch.float32}),  # Zen 3
        ("AVX512", True, False, "AuthenticAMD", set()),  # Zen 4
        ("AVX512", False, False, "GenuineIntel", set()),
        ("AVX512", True, True, "GenuineIntel", set()),
        ("AVX512", True, False, "GenuineIntel", {torch.bfloat16}),  # tiles hidden from a guest
        ("DEFAULT", False, False, "", set()),
    ],
)
def test_where_ours_is_faster(
    capability: str,
    bfloat16: bool,
    tiles: bool,
    vendor: str,
    expected: set[torch.dtype],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(products, "HAS_BFLOAT16", bfloat16)
    monkeypatch.setattr(products, "HAS_TILES", tiles)
    monkeypatch.setattr(products, "processor", lambda: f"flags : avx2 vendor_id : {vendor}")
    assert products.ours() == expected


def test_pieces_are_equal_and_only_where_a_thread_would_idle() -> None:
    assert piece(512, 576, 576) == 512  # low enough
    assert piece(2000, 576, 576) == 2000  # high enough
    assert piece(1000, 576, 3072) == 1000  # wide enough
    assert piece(1000, 576, 576) == 334  # 3 pieces of at most 448
    assert piece(1000, 3072, 576) == 250  # 4 pieces of at most 256


def test_an_arena_hands_out_the_same_memory_to_every_batch() -> None:
    arena = Arena(torch.device("cpu"))
    a = arena.take(3, 5, dtype=torch.float32).fill_(1.0)
    b = arena.take(7, dtype=torch.bfloat16).fill_(2.0)
    assert (a.unique().tolist(), b.unique().tolist()) == ([1.0], [2.0])
    arena.begin()
    assert arena.take(2, dtype=torch.float32).data_ptr() == a.data_ptr()


def test_what_an_arena_cannot_hold_comes_from_the_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.engine.arena.RESERVE", 4096)
    arena = Arena(torch.device("cpu"))
    large = arena.take(5000, dtype=torch.uint8).fill_(1)
    assert (large.shape, arena.used) == ((5000,), 0)
    arena.take(4096, dtype=torch.uint8)
    assert arena.used == 4096


def test_an_arena_does_without_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.engine.arena.RESERVE", 2**62)
    assert Arena(torch.device("cpu")).take(3, dtype=torch.float32).fill_(1.0).tolist() == [1.0] * 3


@pytest.mark.parametrize("rows", [7, 70])  # few rows want a weight laid out, many do not
@pytest.mark.parametrize("ours", [{torch.float32, torch.bfloat16}, set()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_packed_weight_gives_the_same_product_until_weights_change(
    dtype: torch.dtype, ours: set[torch.dtype], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "OURS", ours)
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(40, 24))
    flat = FlatParameters([("weight", weight)], dtype)
    x = torch.randn(rows, 24).to(dtype)
    for _ in range(2):
        expected = product(x, flat.weight(weight).t())
        torch.testing.assert_close(flat.packed(flat.weight(weight), rows)(x), expected)
        with torch.no_grad():
            weight.mul_(-1)
        flat.renew()
