"""How often a person says the same of a pair that comes back the other way round."""

import pytest

from annotation.aggregation.consistency import Repeated, consistency
from annotation.preferences import Preference
from annotation.task_types import ranking


def pair(p: float) -> list[Preference]:
    return [Preference(a=0, b=1, p=p, strength=1.0)]


A, B, TIE, NEITHER = pair(1.0), pair(0.0), pair(0.5), list[Preference]()


@pytest.mark.parametrize(
    ("first", "again", "order", "expected"),
    [
        (A, A, [0, 1], (1.0, 0, 0, 0)),
        (B, B, [0, 1], (1.0, 0, 0, 0)),
        (TIE, TIE, [0, 1], (1.0, 0, 0, 0)),
        (NEITHER, NEITHER, [0, 1], (1.0, 0, 0, 0)),
        (A, B, [0, 1], (0.0, 1, 0, 0)),  # left, and left again
        (B, A, [0, 1], (0.0, 0, 1, 0)),  # right, and right again
        (A, B, [1, 0], (0.0, 0, 1, 0)),
        (A, TIE, [0, 1], (0.0, 0, 0, 1)),
        (NEITHER, B, [0, 1], (0.0, 0, 0, 1)),
    ],
)
def test_one_pair(
    first: list[Preference],
    again: list[Preference],
    order: list[int],
    expected: tuple[float, int, int, int],
) -> None:
    found = consistency([Repeated(first, again, order)])
    assert (found.same.rate, found.stayed_first, found.stayed_last, found.other) == expected
    assert found.same.n == 1


def test_a_hundred_pairs_with_the_interval_of_wilson() -> None:
    """80 of 100: Wilson's 95 % interval is 0.711 to 0.867."""
    same, left = Repeated(A, A, [0, 1]), Repeated(A, B, [0, 1])
    found = consistency([same] * 80 + [left] * 20)
    assert (found.same.rate, found.same.n, found.stayed_first_share) == (0.8, 100, 0.2)
    assert found.same.interval is not None
    # The variance of a clustered mean divides by n - 1, so it is a little wider.
    assert found.same.interval == pytest.approx((0.711, 0.867), abs=0.002)


def test_the_pairs_of_a_ranking() -> None:
    """0 > 1 > 2, shown in the order 2, 0, 1; then 0 > 2 > 1: one pair of three changed."""
    first = ranking.preferences({"groups": [[0], [1], [2]]}, 3)
    again = ranking.preferences({"groups": [[0], [2], [1]]}, 3)
    found = consistency([Repeated(first, again, [2, 0, 1])])
    assert (found.same.rate, found.same.n, found.same.clusters) == (pytest.approx(2 / 3), 3, 1)
    # First 1 over 2, which stood before it the first time; then 2 over 1, which stood before it.
    assert (found.stayed_first, found.stayed_last) == (0, 1)


def test_nothing_to_compare() -> None:
    found = consistency([])
    assert (found.same.rate, found.same.n, found.flips) == (None, 0, 0)
