"""The win rate and its standard error, by hand and by simulation."""

import random
from math import sqrt

import pytest

from annotation.aggregation.win_rate import win_rate


def test_one_judgement_a_prompt_gives_the_textbook_error() -> None:
    # 3 wins of 4: rate 0.75, s² = (3 · 0.0625 + 0.5625) / 3 = 0.25, se = sqrt(0.25 / 4) = 0.25
    result = win_rate({"p1": [1], "p2": [1], "p3": [1], "p4": [0]})
    assert (result.rate, result.n, result.clusters) == (0.75, 4, 4)
    assert result.standard_error == pytest.approx(0.25)


def test_clusters_by_hand() -> None:
    # y = (1, 1), (0, 0.5): rate = 2.5 / 4 = 0.625
    # sums of residuals: 0.75 and -0.75; se² = 2 / 1 · (0.5625 + 0.5625) / 16 = 0.140625
    result = win_rate({1: [1, 1], 2: [0, 0.5]})
    assert result.rate == 0.625
    assert result.standard_error == pytest.approx(0.375)


def test_repeating_a_judgement_of_the_same_prompt_teaches_nothing() -> None:
    once = {i: [float(i % 3 == 0)] for i in range(30)}
    thrice = {i: outcomes * 3 for i, outcomes in once.items()}
    assert win_rate(thrice).rate == pytest.approx(win_rate(once).rate)
    assert win_rate(thrice).standard_error == pytest.approx(win_rate(once).standard_error)
    assert win_rate(thrice).n == 90


def test_ties_count_half() -> None:
    assert win_rate({1: [0.5], 2: [0.5]}).rate == 0.5


def test_without_judgements_there_is_no_rate() -> None:
    for nothing in ({}, {1: []}):
        result = win_rate(nothing)
        assert (result.rate, result.standard_error, result.n, result.interval) == (
            None,
            None,
            0,
            None,
        )


def test_one_cluster_has_no_error() -> None:
    result = win_rate({1: [1, 0, 1]})
    assert result.rate == pytest.approx(2 / 3)
    assert result.standard_error is None
    assert result.interval is None


def test_an_outcome_outside_the_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        win_rate({1: [2.0]})


def test_the_interval_of_unanimous_votes_is_no_point() -> None:
    # Wilson at n = 10, p = 1: lower = 1 / (1 + z² / n) = 1 / 1.38415 = 0.72247
    interval = win_rate({i: [1] for i in range(10)}).interval
    assert interval is not None
    assert interval[0] == pytest.approx(0.72247, abs=1e-4)
    assert interval[1] == pytest.approx(1.0)


def test_the_interval_at_one_half() -> None:
    # 50 of 100 wins: Wilson gives 0.4038 … 0.5962; n - 1 instead of n moves it by less than 0.001
    interval = win_rate({i: [float(i % 2)] for i in range(100)}).interval
    assert interval is not None
    assert interval == pytest.approx((0.4038, 0.5962), abs=1e-3)


def test_the_error_is_the_spread_of_repeated_studies() -> None:
    """300 studies of 60 prompts with 3 judges each, who lean on a prompt together."""
    draw = random.Random(7)
    rates, errors = [], []
    for _ in range(300):
        study = {}
        for prompt in range(60):
            lean = draw.betavariate(2, 2)
            study[prompt] = [float(draw.random() < lean) for _ in range(3)]
        result = win_rate(study)
        assert result.rate is not None
        assert result.standard_error is not None
        rates.append(result.rate)
        errors.append(result.standard_error)
    mean = sum(rates) / len(rates)
    spread = sqrt(sum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1))
    assert sum(errors) / len(errors) == pytest.approx(spread, rel=0.1)
