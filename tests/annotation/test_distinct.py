"""The same as numpy's own, whichever way it is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.distinct import distinct


@given(
    st.lists(st.integers(-20, 20))
    | st.lists(st.integers(-(2**62), 2**62))
    | st.lists(st.sampled_from([-(2**63), 2**63 - 1, 0, 1]))
)
def test_as_numpy_says(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    found, place = distinct(array)
    expected, inverse = np.unique(array, return_inverse=True)
    assert found.tolist() == expected.tolist()
    assert place.tolist() == inverse.tolist()


@pytest.mark.parametrize("spread", [1, 10_000_000])
def test_close_and_far_apart(spread: int) -> None:
    array = np.array([3, 1, 3, 2], dtype=np.int64) * spread
    found, place = distinct(array)
    assert found.tolist() == [spread, 2 * spread, 3 * spread]
    assert place.tolist() == [2, 0, 2, 1]
