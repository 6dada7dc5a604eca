"""Shares with their intervals, and ratings that lie close together: as published, and by hand."""

import pytest

from annotation.aggregation.closest import closest, consensus
from annotation.aggregation.intervals import binomial_p, wilson


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
