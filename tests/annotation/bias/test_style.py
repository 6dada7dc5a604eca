"""What length and style do: the chances by hand, and told from the quality of sources."""

from math import sqrt

import numpy as np
import pytest
from scipy.special import expit

from annotation.aggregation.controlled import Compared
from annotation.bias.style import FEATURES, LEAST, differences, effects, standardised


def judged(
    first_counts: np.ndarray,
    second_counts: np.ndarray,
    won: np.ndarray,
    sources: tuple[np.ndarray, np.ndarray] | None = None,
):
    n = len(won)
    first, second = sources or (np.zeros(n, dtype=np.int64),) * 2
    size = int(max(first.max(), second.max())) + 1
    said = Compared(np.arange(n), first, second, np.ones(n), won, np.zeros((n, 0)), size)
    return said, differences(first_counts, second_counts)


def lengths(first: list[int], second: list[int]) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.array([[each, 0, 0, 0] for each in side]) for side in (first, second))


def test_differences_by_hand() -> None:
    """(300 - 100) / 400, none of either, one against none, (1 - 3) / 4."""
    d = differences(np.array([[300, 0, 1, 1]]), np.array([[100, 0, 0, 3]]))
    assert d.tolist() == [[0.5, 0.0, 1.0, -0.5]]


def test_standardised_is_divided_by_the_root_mean_square() -> None:
    """½ once and 0 three times: √(¼ / 4) = ¼; what never differs is left out."""
    d = np.array([[0.5, 0.0], [0.0, 0.0]])
    assert standardised(d, np.array([1.0, 3.0])).tolist() == [[2.0], [0.0]]


def test_twice_as_long_by_hand() -> None:
    """Always twice as long, preferred 61 of 100 times: σ(β/3) is 0.61, and Wald's interval of its
    logarithm is ± 1.96 √(100/99 / (100 · 0.61 · 0.39))."""
    counts = lengths([200] * 100, [100] * 100)
    found = effects(*judged(*counts, np.repeat([1.0, 0.0], [61, 39])))[0]
    reach = 1.959964 * sqrt(100 / 99 / (100 * 0.61 * 0.39))
    middle = np.log(0.61 / 0.39)
    assert (found.name, found.n) == ("length", 100)
    assert found.chance == pytest.approx(0.61)
    assert found.interval == pytest.approx((expit(middle - reach), expit(middle + reach)))
    assert found.is_found


def test_ties_are_half_a_win_for_each() -> None:
    counts = lengths([200] * 60, [100] * 60)
    found = effects(*judged(*counts, np.full(60, 0.5)))[0]
    assert found.chance == pytest.approx(0.5)
    assert not found.is_found


def test_a_better_source_that_writes_more_is_not_put_down_to_length() -> None:
    """Source 1 is better and mostly writes more, but length does nothing."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2, 4000), rng.integers(0, 2, 4000)
    a, b = (rng.integers(100, 300, 4000) + 150 * side for side in (first, second))
    won = (rng.random(4000) < expit(1.2 * (first - second))).astype(float)
    longer = (a > b) == (won > 0.5)
    assert longer.mean() > 0.55
    none = np.zeros(4000, dtype=np.int64)
    counts = (np.stack([a, none, none, none], axis=1), np.stack([b, none, none, none], axis=1))
    found = effects(*judged(*counts, won, (first, second)))[0]
    low, high = found.interval
    assert low < 0.5 < high
    assert high - low < 0.1


def test_features_that_go_together_are_told_apart() -> None:
    """Bold makes it; lists come with it and do nothing."""
    rng = np.random.default_rng(1)
    bold = rng.integers(0, 3, (3000, 2))
    entries = np.where(rng.random((3000, 2)) < 0.7, bold, rng.integers(0, 3, (3000, 2)))
    counts = [
        np.stack([np.full(3000, 500), np.zeros(3000, int), entries[:, k], bold[:, k]], axis=1)
        for k in (0, 1)
    ]
    d = differences(*counts)
    won = (rng.random(3000) < expit(1.0 * d[:, 3])).astype(float)
    found = dict(zip(FEATURES, effects(*judged(*counts, won)), strict=True))
    assert found["bold words"].interval[0] < expit(1.0) < found["bold words"].interval[1]
    assert found["lists"].interval[0] < 0.5 < found["lists"].interval[1]
    assert "No two responses" in found["length"].why


def test_what_always_goes_together_has_one_number() -> None:
    """Each entry starts with a bold word, so bold says nothing that lists do not."""
    rng = np.random.default_rng(3)
    many = rng.integers(0, 3, (400, 2))
    counts = [
        np.stack([rng.integers(100, 900, 400), np.zeros(400, int), many[:, k], many[:, k]], axis=1)
        for k in (0, 1)
    ]
    d = differences(*counts)
    won = (rng.random(400) < expit(d[:, 2])).astype(float)
    found = dict(zip(FEATURES, effects(*judged(*counts, won)), strict=True))
    assert found["lists"].chance == pytest.approx(expit(1.0), abs=0.1)
    assert found["bold words"].chance is None
    assert "It goes with what stands above" in found["bold words"].why


def test_why_there_is_no_number() -> None:
    few = lengths([200] * (LEAST - 1), [100] * (LEAST - 1))
    found = effects(*judged(*few, np.tile([1.0, 0.0], LEAST)[: LEAST - 1]))[0]
    assert (found.chance, found.interval, found.n) == (None, None, LEAST - 1)
    assert "fewer than 30 items" in found.why
    sure = lengths([200] * 50, [100] * 50)
    assert "with more of it is preferred" in effects(*judged(*sure, np.ones(50)))[0].why
    assert "with less of it is preferred" in effects(*judged(*sure, np.zeros(50)))[0].why
    nothing = effects(*judged(*lengths([100] * 50, [100] * 50), np.ones(50)))
    assert all(each.why and each.n == 0 for each in nothing)


def test_a_source_that_alone_writes_headers_is_not_told_from_them() -> None:
    rng = np.random.default_rng(2)
    first = rng.integers(0, 2, 200)
    counts = [
        np.stack([np.full(200, 100), side, np.zeros(200, int), np.zeros(200, int)], axis=1)
        for side in (first, 1 - first)
    ]
    won = (rng.random(200) < 0.5).astype(float)
    found = effects(*judged(*counts, won, (first, 1 - first)))[1]
    assert found.chance is None
    assert "cannot be told from the other" in found.why
