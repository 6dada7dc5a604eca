"""Too fast to have been read, by hand."""

import numpy as np
import pytest

from annotation.bias.speed import CEILING, by_person, overall, too_fast


def test_the_ceiling_is_three_times_what_people_read() -> None:
    assert pytest.approx(11.9) == CEILING


def test_who_needs_as_long_as_the_ceiling_is_not_too_fast() -> None:
    """119 words at 11.9 a second are 10 seconds."""
    found = too_fast(np.array([119, 119, 119, 0]), np.array([9.99, 10.01, 60.0, 0.0]))
    assert found.tolist() == [True, False, False, False]


def test_one_in_twenty_is_given_to_everybody() -> None:
    """2 of 4: 1 - 0.95^4 - 4 · 0.05 · 0.95^3 = 0.014019; of two people, twice that."""
    found = by_person({1: (2, 4), 2: (0, 10)})
    assert found[1].p == pytest.approx(2 * 0.014019, abs=1e-6)
    assert found[1].is_found()
    assert (found[2].p, found[2].share, found[2].is_found()) == (1.0, 0.0, False)
    assert (overall({1: (2, 4), 2: (0, 10)}).k, overall({1: (2, 4), 2: (0, 10)}).n) == (2, 14)


def test_nothing_timed_is_undefined() -> None:
    nothing = overall({})
    assert (nothing.share, nothing.interval, nothing.p) == (None, None, 1.0)
