"""Shares with their intervals, and ratings that lie close together: as published, and by hand."""

import pytest

from annotation.aggregation.closest import closest, consensus
from annotation.aggregation.intervals import (
    binomial_p,
    binomial_tail,
    fisher_p,
    fisher_tail,
    wilson,
)


def test_wilsons_interval() -> None:
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    with pytest.raises(ValueError, match="a share of nothing"):
        wilson(0.5, 0)


def test_the_exact_binomial() -> None:
    assert binomial_p(60, 100) == pytest.approx(0.0569, abs=5e-5)
    assert binomial_p(40, 100) == pytest.approx(binomial_p(60, 100))
    assert binomial_p(3, 3) == pytest.approx(2 / 8)  # three heads, or three tails
    assert binomial_p(2, 4) == binomial_p(0, 0) == 1.0
    with pytest.raises(ValueError, match="5 of 4 is no count"):
        binomial_p(5, 4)


def test_the_tail_of_a_binomial() -> None:
    """2 or more of 4 at 0.05: 1 - 0.95^4 - 4 · 0.05 · 0.95^3."""
    assert binomial_tail(2, 4, 0.05) == pytest.approx(0.01401875)
    assert binomial_tail(0, 4, 0.05) == binomial_tail(0, 0, 0.05) == 1.0
    assert binomial_tail(4, 4, 0.5) == pytest.approx(1 / 16)
    with pytest.raises(ValueError, match="5 of 4 is no count"):
        binomial_tail(5, 4, 0.5)


def test_fishers_lady_tasting_tea() -> None:
    """3 of her 4 cups right: 17 of 70 at least so many, 34 of 70 as unlikely."""
    assert fisher_tail(3, 4, 4, 8) == pytest.approx(17 / 70)
    assert fisher_p(3, 4, 4, 8) == pytest.approx(34 / 70)
    assert fisher_p(0, 4, 4, 8) == pytest.approx(2 / 70)
    assert fisher_p(2, 3, 2, 3) == fisher_tail(0, 0, 5, 9) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="3 of 4 is no part of 2 of 8"):
        fisher_p(3, 4, 2, 8)
    assert 0 < fisher_p(2_400, 5_000, 500_000, 1_000_000) < 0.01


def test_many_votes_do_not_overflow() -> None:
    assert binomial_p(500_000, 1_000_000) == pytest.approx(1.0)
    assert 0 < binomial_p(502_000, 1_000_000) < 1e-4


def test_the_three_closest_ratings() -> None:
    """HelpSteer2: 4 4 3 0 1 → 4 4 3, whose mean is 3.67, so 4."""
    assert closest([4, 4, 3, 0, 1]) == [4, 4, 3]
    mean, rounded = consensus([4, 4, 3, 0, 1])
    assert (mean, rounded) == (pytest.approx(11 / 3), 4)
    assert closest([0, 1, 2, 3, 4]) == [4, 3, 2]  # all three groups are as close
    assert consensus([2, 2, 3, 3], kept=4) == (2.5, 3)
    with pytest.raises(ValueError, match="3 ratings are needed, not 2"):
        closest([1, 2])
