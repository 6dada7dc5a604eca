"""Intervals of reliability, by hand and of votes whose η is known."""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import beta

from annotation.aggregation.crowd_bt import GRID, CrowdBT, reliability_intervals


def test_of_votes_on_what_is_certain_it_is_a_beta_distribution() -> None:
    """Where strengths decide, k of n right leave Beta(4 + k, 2 + n - k): here 18 of 20."""
    n = 20
    found = CrowdBT(np.array([40.0, 0.0]), np.array([0.85]))
    first, second = np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.int64)
    wins = np.array([1.0] * 18 + [0.0] * 2)
    low, high = reliability_intervals(found, first, second, wins, first)[0]
    expected = beta.ppf([0.025, 0.975], 4 + 18, 2 + 2)
    assert (low, high) == pytest.approx(tuple(expected), abs=1.5 / GRID)


def test_votes_on_what_is_open_say_nothing() -> None:
    """Two equal responses leave the prior, Beta(4, 2)."""
    found = CrowdBT(np.zeros(2), np.array([0.7]))
    first, second = np.zeros(50, dtype=np.int64), np.ones(50, dtype=np.int64)
    interval = reliability_intervals(found, first, second, np.ones(50), first)[0]
    assert interval == pytest.approx(beta.ppf([0.025, 0.975], 4, 2), abs=1.5 / GRID)


def test_it_holds_the_truth_nineteen_times_of_twenty() -> None:
    """Of 400 people of η 0.8 with 40 votes each, strengths known; the prior costs little."""
    rng = np.random.default_rng(0)
    people, votes = 400, 40
    strengths = rng.normal(0, 2, size=60)
    first = rng.integers(0, 30, people * votes)
    second = rng.integers(30, 60, people * votes)
    who = np.repeat(np.arange(people), votes)
    better = expit(strengths[first] - strengths[second])
    wins = (rng.random(len(who)) < 0.8 * better + 0.2 * (1 - better)).astype(np.float64)
    found = CrowdBT(strengths, np.full(people, 0.8))
    intervals = reliability_intervals(found, first, second, wins, who)
    held = (intervals[:, 0] <= 0.8) & (intervals[:, 1] >= 0.8)
    assert 0.92 <= held.mean() <= 0.99
    assert logit(intervals[:, 0]).max() < logit(0.99)
