"""Position bias by hand, and how often it is found where there is none."""

import numpy as np
import pytest

from annotation.bias.position import by_person, overall
from annotation.bias.shares import holm


def test_everybody_together_by_hand() -> None:
    """60 of 100: p 0.0569, Wilson 0.502 to 0.691 (z 1.96)."""
    found = overall({1: (40, 60), 2: (20, 40)})
    assert (found.k, found.n, found.share) == (60, 100, 0.6)
    assert found.p == pytest.approx(0.0569, abs=5e-5)
    assert found.interval == pytest.approx((0.5020, 0.6906), abs=5e-5)
    assert not found.is_found()


def test_holms_correction_by_hand() -> None:
    """Of 0.01, 0.04, 0.03: 3 · 0.01, then 2 · 0.03, then the greater of 0.04 and 0.06."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_who_always_takes_the_first_is_found_among_many() -> None:
    rng = np.random.default_rng(0)
    counts = {n: (int(first), 30) for n, first in enumerate(rng.binomial(30, 0.5, 99))}
    found = by_person(counts | {99: (29, 30)})
    assert [n for n, each in found.items() if each.is_found()] == [99]


def test_without_a_bias_it_is_found_in_one_crowd_of_twenty_at_most() -> None:
    rng = np.random.default_rng(1)
    crowds = rng.binomial(40, 0.5, size=(300, 20))
    wrong = sum(
        any(
            each.is_found()
            for each in by_person({n: (int(k), 40) for n, k in enumerate(c)}).values()
        )
        for c in crowds
    )
    assert wrong / 300 <= 0.06


def test_without_a_pair_there_is_no_share() -> None:
    nothing = overall({})
    assert (nothing.share, nothing.interval, nothing.p) == (None, None, 1.0)
