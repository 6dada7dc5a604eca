"""The head's log-probabilities and gradients against torch's own."""

import pytest
import torch
from torch import nn

from training.engine import head
from training.engine.flat import FlatParameters
from training.engine.head import HeadFunction
from training.engine.numerics import logprobs_of


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("keep", [0, 2**20])
def test_values_and_gradients_are_those_of_a_log_softmax(
    temperature: float, keep: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head, "KEEP", keep)
    monkeypatch.setattr(head, "ROWS", 3)
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(11, 4))
    states = torch.randn(7, 4, requires_grad=True)
    row = torch.tensor([0, 0, 2, 3, 6, 6])  # rows that are asked twice, and rows never asked
    token = torch.tensor([1, 1, 5, 10, 0, 3])
    weights = torch.randn(len(row))
    expected = logprobs_of((states @ weight.T)[row], token, temperature)
    torch.autograd.backward((expected * weights).sum())
    wanted = states.grad, weight.grad
    states.grad = weight.grad = None

    flat = FlatParameters([("weight", weight)], torch.float32)
    ours = HeadFunction.apply(states, flat, weight, row, token, temperature)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)
    torch.autograd.backward((ours * weights).sum())
    torch.testing.assert_close(states.grad, wanted[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(flat.gradient(weight), wanted[1], rtol=0, atol=1e-6)


def test_a_gradient_that_nothing_was_added_to_is_zero() -> None:
    used, unused = nn.Parameter(torch.randn(3, 2)), nn.Parameter(torch.randn(4, 2))
    flat = FlatParameters([("used", used), ("unused", unused)], torch.float32)
    flat.gradient(unused).fill_(7.0)  # left over from a step before
    flat.add_product(flat.gradient(used), torch.ones(5, 3), torch.ones(5, 2))
    matrices, _ = flat.complete_gradients()
    assert matrices.tolist() == [5.0] * 6 + [0.0] * 8


def test_products_add_up_until_the_gradients_are_forgotten() -> None:
    weight = nn.Parameter(torch.zeros(3, 2))
    flat = FlatParameters([("weight", weight)], torch.float32)
    for expected in (2.0, 4.0):
        flat.add_product(flat.gradient(weight), torch.ones(2, 3), torch.ones(2, 2))
        assert flat.gradient(weight).unique().tolist() == [expected]
    flat.zero_gradients()
    flat.add_product(flat.gradient(weight), torch.ones(2, 3), torch.ones(2, 2))
    assert flat.gradient(weight).unique().tolist() == [2.0]


def test_weights_that_do_not_lie_side_by_side_are_not_one_matrix() -> None:
    a, b = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3, 2))
    flat = FlatParameters([("a", a), ("b", b)], torch.float32)
    assert flat.weight(a, b).shape == (6, 2)
    with pytest.raises(ValueError, match="side by side"):
        flat.weight(b, a)
