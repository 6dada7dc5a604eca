"""When answers to one item say the same."""

import pytest

from annotation.aggregation.majority import agree, majority_shares
from annotation.preferences import Preference


def pair(p: float, a: int = 0, b: int = 1) -> list[Preference]:
    return [Preference(a=a, b=b, p=p, strength=1.0)]


A, B, TIE, NEITHER = pair(1.0), pair(0.0), pair(0.5), list[Preference]()


@pytest.mark.parametrize(
    ("answers", "share"),
    [
        ([A], 1.0),
        ([A, A], 1.0),
        ([A, B], 0.5),
        ([A, TIE], 0.5),
        ([A, A, B], 2 / 3),
        ([A, B, TIE], 1 / 3),
        ([A, NEITHER, NEITHER], 2 / 3),
        ([pair(1.0, a=1, b=0), B], 1.0),  # "1 over 0" said in two ways
    ],
)
def test_the_share_of_what_most_say(answers: list[list[Preference]], share: float) -> None:
    assert majority_shares(answers) == {(0, 1): pytest.approx(share)}


def test_every_pair_of_a_ranking_has_to_agree() -> None:
    first = [*pair(1.0, 0, 1), *pair(1.0, 0, 2), *pair(1.0, 1, 2)]
    other = [*pair(1.0, 0, 1), *pair(1.0, 0, 2), *pair(0.0, 1, 2)]
    assert majority_shares([first, other]) == {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 0.5}
    assert not agree([first, other], 0.66)
    assert agree([first, other, first], 0.66)


def test_the_share_is_reached_exactly() -> None:
    assert agree([A, A, B], 2 / 3)
    assert not agree([A, A, B], 0.67)


def test_who_compares_nothing_agrees() -> None:
    assert agree([], 1.0)
    assert agree([NEITHER, NEITHER], 1.0)
