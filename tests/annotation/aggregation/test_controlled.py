"""Strengths with something held equal: by hand, beside a general package, and beside the truth."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from annotation.aggregation import bradley_terry
from annotation.aggregation.controlled import Compared, NotTold, fit, fit_bounded


def simulated(seed: int, n: int = 600, size: int = 3, effects: tuple[float, ...] = (0.8, -0.4)):
    """Each item judged three times; z is larger for some sources than for others."""
    rng = np.random.default_rng(seed)
    strengths = np.linspace(-0.5, 0.5, size)
    first = rng.integers(0, size, n)
    second = (first + rng.integers(1, size, n)) % size if size > 1 else first
    z = rng.normal(size=(n, len(effects))) + 0.3 * (first - second)[:, None]
    chance = expit(strengths[first] - strengths[second] + z @ np.array(effects))
    won = rng.binomial(3, chance).astype(float)
    return Compared(np.arange(n) // 2, first, second, np.full(n, 3.0), won, z, size)


def test_one_effect_alone_by_hand() -> None:
    """z = 1 throughout, 30 of 40 won: β = ln 3. One item each: g² is 30 · ¼² + 10 · ¾² = 7.5, the
    information 40 · ¾ · ¼ = 7.5, so V = 40 / 39 · 7.5 / 7.5²."""
    won = np.repeat([1.0, 0.0], [30, 10])
    nobody = np.zeros(40, dtype=np.int64)
    said = Compared(np.arange(40), nobody, nobody, np.ones(40), won, np.ones((40, 1)), 1)
    found = fit(said)
    assert found.effects == pytest.approx([log(3)])
    assert found.strengths.tolist() == [0.0]
    assert found.covariance[1, 1] == pytest.approx(40 / 39 / 7.5)


def test_without_effects_it_is_bradley_terry() -> None:
    said = replace(simulated(0, effects=()), z=np.zeros((600, 0)))
    wins = np.zeros((3, 3))
    np.add.at(wins, (said.first, said.second), said.won)
    np.add.at(wins, (said.second, said.first), said.count - said.won)
    assert fit(said).strengths == pytest.approx(bradley_terry.fit(wins).values)


def test_a_general_package_finds_the_same() -> None:
    """statsmodels: a binomial regression without a constant, clustered by item."""
    said = simulated(1)
    design = np.zeros((600, 2))  # the strengths of the second and third beside the first
    for column in (1, 2):
        design[:, column - 1] = (said.first == column) * 1.0 - (said.second == column)
    counts = np.stack([said.won, said.count - said.won], axis=1)
    model = sm.GLM(counts, np.hstack([design, said.z]), family=sm.families.Binomial())
    theirs = model.fit(cov_type="cluster", cov_kwds={"groups": said.item, "use_correction": False})
    ours = fit(said)
    assert ours.effects == pytest.approx(theirs.params[2:], rel=1e-6)
    assert ours.strengths[1:] - ours.strengths[0] == pytest.approx(theirs.params[:2], rel=1e-6)
    items = len(np.unique(said.item))
    errors = np.sqrt(np.diag(ours.covariance)[3:] * (items - 1) / items)
    assert errors == pytest.approx(theirs.bse[2:], rel=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_which_response_is_called_the_first_means_nothing(seed: int) -> None:
    said = simulated(seed % 1000, n=200)
    turned = np.random.default_rng(seed).random(200) < 0.5
    other = Compared(
        item=said.item,
        first=np.where(turned, said.second, said.first),
        second=np.where(turned, said.first, said.second),
        count=said.count,
        won=np.where(turned, said.count - said.won, said.won),
        z=np.where(turned[:, None], -said.z, said.z),
        size=said.size,
    )
    one, two = fit(said), fit(other)
    assert one.effects == pytest.approx(two.effects, abs=1e-7)
    assert one.strengths == pytest.approx(two.strengths, abs=1e-7)
    assert one.covariance == pytest.approx(two.covariance, abs=1e-7)


def test_equal_rows_may_be_counted_together() -> None:
    said = simulated(2, n=50)
    apart = Compared(
        item=np.repeat(said.item, 3),
        first=np.repeat(said.first, 3),
        second=np.repeat(said.second, 3),
        count=np.ones(150),
        won=np.concatenate([[1.0] * int(w) + [0.0] * (3 - int(w)) for w in said.won]),
        z=np.repeat(said.z, 3, axis=0),
        size=said.size,
    )
    assert fit(apart).covariance == pytest.approx(fit(said).covariance)


def test_its_intervals_hold_the_truth_as_often_as_they_say() -> None:
    held = 0
    for seed in range(150):
        found = fit(simulated(seed, n=240))
        error = np.sqrt(np.diag(found.covariance)[3:])
        held += int((np.abs(found.effects - [0.8, -0.4]) < 1.96 * error).sum())
    assert 0.91 <= held / 300 <= 0.98


def test_what_decides_whenever_it_differs_has_no_number() -> None:
    said = simulated(3, n=60, effects=(0.5,))
    sure = replace(said, won=np.where(said.z[:, 0] > 0, said.count, 0.0))
    with pytest.raises(NotTold, match="One side wins whenever something differs"):
        fit_bounded(sure)


def test_what_goes_with_the_source_cannot_be_told_from_it() -> None:
    said = simulated(4, size=2, effects=(0.5,))
    with pytest.raises(NotTold, match="cannot be told from the other"):
        fit(replace(said, z=(said.first - said.second)[:, None].astype(float)))


def test_who_always_won_is_bounded() -> None:
    said = simulated(5, size=3)
    always = np.where(said.first == 2, said.count, np.where(said.second == 2, 0.0, said.won))
    assert abs(fit_bounded(replace(said, won=always)).strengths[2]) < 8
