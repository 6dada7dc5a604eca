import math

import pytest
import torch

from training.engine.numerics import (
    Diverged,
    agreement,
    bernoulli_loss,
    check_finite,
    learning_rate,
    logprobs_of,
    mean_with_error,
    seed_from,
    sum_by,
    weighted_mean,
)


def test_logprobs_are_those_of_a_softmax_at_the_temperature() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [1.0, 1.0]])
    targets = torch.tensor([1, 0])
    expected = torch.tensor([math.log(3 / 4), math.log(1 / 2)])
    torch.testing.assert_close(logprobs_of(logits, targets), expected)
    # at temperature ½ the odds are squared: 9 to 1
    expected = torch.tensor([math.log(9 / 10), math.log(1 / 2)])
    torch.testing.assert_close(logprobs_of(logits, targets, temperature=0.5), expected)


def test_logprobs_of_bfloat16_logits_are_summed_in_float32() -> None:
    logits = torch.zeros(1, 50_000, dtype=torch.bfloat16)
    logprob = logprobs_of(logits, torch.tensor([3]))
    assert logprob.dtype == torch.float32
    assert logprob.item() == pytest.approx(-math.log(50_000), abs=1e-5)


def test_sums_go_to_their_owner() -> None:
    sums = sum_by(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([2, 0, 2]), 4)
    assert sums.tolist() == [2.0, 0.0, 5.0, 0.0]


def test_weighted_mean_ignores_what_weighs_nothing() -> None:
    values = torch.tensor([1.0, 4.0, 100.0])
    assert weighted_mean(values, torch.tensor([2.0, 1.0, 0.0])).item() == pytest.approx(2.0)
    assert weighted_mean(values, torch.zeros(3)).item() == 0.0


def test_bernoulli_loss_does_not_overflow() -> None:
    loss = bernoulli_loss(torch.tensor([-1000.0, 1000.0]), torch.tensor([1.0, 1.0]))
    assert loss.tolist() == [1000.0, 0.0]


def test_agreement_of_a_tied_logit_is_one_half() -> None:
    logits, p = torch.tensor([2.0, 2.0, 0.0]), torch.tensor([1.0, 0.2, 1.0])
    assert agreement(logits, p).tolist() == [1.0, 0.0, 0.5]


def test_standard_error_of_independent_values_is_the_published_one() -> None:
    # AlpacaEval: a win rate of 46.8 % over 805 prompts has a standard error of 1.76 points
    wins = [1.0] * 377 + [0.0] * 428
    mean, error = mean_with_error(wins, range(805))
    assert mean == pytest.approx(0.4683, abs=1e-4)
    assert error == pytest.approx(0.017599, abs=1e-6)


def test_standard_error_takes_a_cluster_as_one_observation() -> None:
    # four clusters of three equal values are worth four values, not twelve
    values, clusters = [1.0, 0.0, 0.0, 1.0], [0, 1, 2, 3]
    _, error = mean_with_error(values, clusters)
    _, repeated = mean_with_error(
        [v for v in values for _ in range(3)], [c for c in clusters for _ in "abc"]
    )
    assert repeated == pytest.approx(error)


def test_one_cluster_has_no_standard_error() -> None:
    assert mean_with_error([1.0, 0.0], ["a", "a"]) == (0.5, None)


def test_learning_rate_rises_then_falls_to_the_smallest_positive() -> None:
    rates = [learning_rate(step, 10, 1.0, 0.2, "linear") for step in range(1, 11)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])
    assert learning_rate(10, 10, 1.0, 0.2, "constant") == 1.0
    assert learning_rate(1, 3, 1.0, 0.1, "linear") == 1.0  # too short for a warm-up


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_stops_the_run_and_is_named(value: float) -> None:
    with pytest.raises(Diverged, match="grad_norm is not finite at step 7"):
        check_finite({"loss": 1.0, "grad_norm": value}, 7)


def test_a_seed_depends_on_every_part() -> None:
    seeds = {
        seed_from("a", 1),
        seed_from("a", 2),
        seed_from("b", 1),
        seed_from("a1"),
        seed_from("", "a1"),
    }
    assert len(seeds) == 5
    assert seed_from("a", 1) == seed_from("a", 1)
    assert all(0 <= seed < 2**63 for seed in seeds)
