"""Tails of weighted counts, by hand and against simple sums."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from annotation.suspicion.tail import binomial_tail, upper_tail


def test_of_three_coins_by_hand() -> None:
    """2 or more of 3 with ½ each: 4 / 8; of two kinds, weights 1 and 2: P(T >= 2) = P(second) = 0.2
    for one each of chance ½ and 0.2; T >= 1 is 1 - ½ · 0.8 = 0.6; T >= 3 is 0.1."""
    half = upper_tail(np.array([[3]]), np.array([[2]]), np.array([1.0]), np.array([0.5]))
    assert half == pytest.approx([0.5])
    seen, hits = np.array([[1, 1]] * 3), np.array([[1, 0], [0, 1], [1, 1]])
    found = upper_tail(seen, hits, np.array([1.0, 2.0]), np.array([0.5, 0.2]))
    assert found == pytest.approx([0.6, 0.2, 0.1])


@given(
    seen=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    chance=st.lists(st.floats(0.05, 0.95), min_size=3, max_size=3),
    share=st.floats(0, 1),
)
def test_it_is_the_sum_over_all_that_can_happen(
    seen: list[int], chance: list[float], share: float
) -> None:
    weight = np.array([1.0, 0.5, 2.25])[: len(seen)]
    hits = [round(share * n) for n in seen]
    total = float(weight @ hits)
    whole = 0.0
    for counts in product(*(range(n + 1) for n in seen)):
        if weight @ counts >= total - 1e-9:
            each = [binom.pmf(k, n, c) for k, n, c in zip(counts, seen, chance, strict=False)]
            whole += float(np.prod(each))
    found = upper_tail(np.array([seen]), np.array([hits]), weight, np.array(chance[: len(seen)]))[0]
    assert found == pytest.approx(whole, abs=1e-9)


def test_of_very_many_it_is_the_normal_distribution() -> None:
    """5,100 of 10,000 by ½: two standard deviations above the mean, 0.02275."""
    found = upper_tail(np.array([[10_000]]), np.array([[5100]]), np.ones(1), np.array([0.5]))
    assert found == pytest.approx([0.02275], abs=1e-4)


def test_a_chance_of_one_is_no_error() -> None:
    sure = upper_tail(np.array([[4]]), np.array([[4]]), np.ones(1), np.array([1.0]))
    never = upper_tail(np.array([[4]]), np.array([[1]]), np.ones(1), np.array([0.0]))
    assert sure == pytest.approx([1.0])
    assert never[0] < 1e-9


def test_the_binomial_tail_is_scipys() -> None:
    hits, seen, chance = np.array([0, 3, 30]), np.array([5, 10, 30]), np.array([0.3, 0.5, 0.6])
    found = binomial_tail(hits, seen, chance)
    assert found == pytest.approx(binom.sf(hits - 1, seen, chance))
