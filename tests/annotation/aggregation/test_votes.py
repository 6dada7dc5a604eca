"""Votes on one pair become one preference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.aggregation.votes import merge_votes
from annotation.preferences import Preference


def test_two_for_one_against() -> None:
    votes = [Preference(0, 1, 1.0, 3.0), Preference(0, 1, 1.0, 1.0), Preference(0, 1, 0.0, 2.0)]
    # p = (1 + 1 + 0) / 3, strength = (3 + 1 + 2) / 3
    assert merge_votes(votes) == [Preference(0, 1, 2 / 3, 2.0, 3.0)]


def test_weights_count() -> None:
    votes = [Preference(0, 1, 1.0, 1.0, weight=3.0), Preference(0, 1, 0.0, 3.0, weight=1.0)]
    # p = 3 / 4, strength = (3 · 1 + 1 · 3) / 4 = 1.5
    assert merge_votes(votes) == [Preference(0, 1, 0.75, 1.5, 4.0)]


def test_a_pair_named_the_other_way_round_is_turned() -> None:
    assert merge_votes([Preference(2, 1, 1.0, 2.0)]) == [Preference(1, 2, 0.0, 2.0)]
    assert merge_votes([Preference(0, 1, 1.0), Preference(1, 0, 1.0)])[0].p == 0.5


def test_pairs_stay_apart_and_in_order() -> None:
    merged = merge_votes([Preference(1, 2, 1.0), Preference(0, 2, 0.0), Preference(0, 1, 0.5)])
    assert [(p.a, p.b, p.p) for p in merged] == [(0, 1, 0.5), (0, 2, 0.0), (1, 2, 1.0)]


def test_nothing_merged_is_nothing() -> None:
    assert merge_votes([]) == []
    assert merge_votes([Preference(0, 1, 1.0, weight=0.0)]) == []


votes = st.builds(
    Preference,
    a=st.just(0),
    b=st.just(1),
    p=st.floats(0, 1),
    strength=st.floats(0, 3),
    weight=st.floats(1e-3, 10),
)


@given(st.lists(votes, min_size=1, max_size=20))
def test_the_mean_lies_between_the_votes_and_no_vote_is_lost(cast: list[Preference]) -> None:
    (merged,) = merge_votes(cast)
    assert min(v.p for v in cast) - 1e-9 <= merged.p <= max(v.p for v in cast) + 1e-9
    assert merged.weight == pytest.approx(sum(v.weight for v in cast))
    (turned,) = merge_votes([Preference(1, 0, 1 - v.p, v.strength, v.weight) for v in cast])
    assert turned.p == pytest.approx(merged.p)
