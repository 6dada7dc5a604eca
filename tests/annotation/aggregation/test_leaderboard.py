"""The leaderboard by hand, and how often its intervals hold the truth."""

from math import log, sqrt

import numpy as np
import pytest
from scipy.special import expit

from annotation.aggregation.leaderboard import leaderboard


def comparisons(*rows: tuple[int, int, int, float]):
    item, first, second, won = zip(*rows, strict=True)
    return (
        np.array(item, dtype=np.int64),
        np.array(first, dtype=np.int64),
        np.array(second, dtype=np.int64),
        np.array(won, dtype=np.float64),
    )


def test_two_sources_by_hand() -> None:
    """7 wins over 5, 2 losses and 1 tie of 10 items: 7.5 to 2.5, so s differs by ln 3.

    The field of one other is the chance itself, ¾. The robust variance of the difference: the
    gradient's squares are 7 · ¼² + 2 · ¾² + ¼² over (10 · ¾ · ¼)², times 10 / 9.
    """
    wins = [(n, 7, 5, 1.0) for n in range(7)]
    rest = [(7, 5, 7, 1.0), (8, 7, 5, 0.0), (9, 7, 5, 0.5)]
    found = leaderboard(*comparisons(*wins, *rest))
    first, second = found.standings
    assert (first.source, second.source, first.comparisons) == (7, 5, 10)
    assert first.strength - second.strength == pytest.approx(log(3))
    assert first.field == pytest.approx(0.75)
    variance = 10 / 9 * (7 / 16 + 2 * 9 / 16 + 1 / 16) / (10 * 3 / 16) ** 2
    reach = (first.interval[1] - first.interval[0]) / 2
    assert reach == pytest.approx(1.959964 * sqrt(variance) / 2)  # against the mean: half of it
    assert found.wins.tolist() == [[0.0, 2.5], [7.5, 0.0]]


def test_sources_that_cannot_be_told_apart_share_a_rank() -> None:
    rows = [(n, 1, 2, n % 2) for n in range(40)]
    rows += [(100 + n, 1, 3, float(n % 10 > 0)) for n in range(200)]
    rows += [(400 + n, 2, 3, float(n % 10 > 0)) for n in range(200)]
    found = leaderboard(*comparisons(*rows))
    assert {each.source: each.rank for each in found.standings} == {1: 1, 2: 1, 3: 3}


def test_who_always_won_is_bounded_and_says_so() -> None:
    found = leaderboard(*comparisons((1, 1, 2, 1.0), (2, 1, 2, 1.0)))
    assert found.has_prior
    assert np.isfinite(found.standings[0].strength)
    assert found.standings[0].source == 1


def test_one_source_alone_has_no_leaderboard() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert leaderboard(nothing, nothing, nothing, np.zeros(0)).standings == []


def test_copied_votes_do_not_narrow_the_interval() -> None:
    rows = [(n, 1, 2, float(n % 3 > 0)) for n in range(60)]
    once, often = (leaderboard(*comparisons(*rows * times)).standings[0] for times in (1, 5))
    assert often.interval == pytest.approx(once.interval, rel=1e-6)


def test_the_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([-0.6, -0.1, 0.2, 0.5])
    held = total = 0
    for seed in range(60):
        first, second = np.array([rng.choice(4, 2, replace=False) for _ in range(300)]).T
        won = (rng.random(300) < expit(truth[first] - truth[second])).astype(float)
        found = leaderboard(np.arange(300), first, second, won, seed=seed)
        for each in found.standings:
            others = np.delete(truth, each.source)
            field = expit(truth[each.source] - others).mean()
            low, high = each.field_interval
            held, total = held + (low <= field <= high), total + 1
    assert 0.91 <= held / total <= 0.98
