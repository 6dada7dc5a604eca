"""Ranked pairs on two published elections, and where a majority goes round in circles."""

import numpy as np
import pytest

from annotation.aggregation import ranked_pairs


def elected(names: str, ballots: list[tuple[int, str]]) -> str:
    orders = [(count, [names.index(each) for each in order]) for count, order in ballots]
    order = ranked_pairs.order(ranked_pairs.majorities(orders, len(names)))
    return "".join(names[each] for each in order)


def test_five_kinds_of_ballots() -> None:
    ballots = [(3, "wxzy"), (2, "wyxz"), (4, "xyzw"), (5, "xzwy"), (1, "ywxz")]
    assert elected("wxyz", ballots) == "xzwy"


def test_the_capital_of_tennessee() -> None:
    """Memphis, Nashville, Chattanooga, Knoxville, by how far they are."""
    ballots = [(42, "MNCK"), (26, "NCKM"), (15, "CKNM"), (17, "KCNM")]
    assert elected("MNCK", ballots) == "NCKM"


def test_a_circle_is_broken_at_its_narrowest() -> None:
    """a over b by 8 to 1, b over c by 7 to 2, c over a by 6 to 3: the last is not locked."""
    preferring = np.array([[0, 8, 3], [1, 0, 7], [6, 2, 0]])
    assert ranked_pairs.order(preferring) == [0, 1, 2]


@pytest.mark.parametrize("size", [0, 1, 3])
def test_without_votes_the_order_is_that_given(size: int) -> None:
    assert ranked_pairs.order(np.zeros((size, size))) == list(range(size))
