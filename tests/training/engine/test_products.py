"""Products that are cut, and the memory of a pass."""

import pytest
import torch
from torch import nn

from training.engine import products
from training.engine.arena import Arena
from training.engine.flat import FlatParameters
from training.engine.products import piece, product


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_packed_weight_gives_the_same_product_until_weights_change(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(40, 24))
    flat = FlatParameters([("weight", weight)], dtype)
    x = torch.randn(7, 24).to(dtype)
    for _ in range(2):
        expected = product(x, flat.weight(weight).t())
        torch.testing.assert_close(flat.packed(flat.weight(weight), 7)(x), expected)
        with torch.no_grad():
            weight.mul_(-1)
        flat.renew()
