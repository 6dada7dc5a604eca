"""A ranking out of pairs: by hand."""

from itertools import permutations
from typing import Any

import pytest

from annotation.aggregation.ranking import ranking_of
from annotation.aggregation.votes import merge_votes
from annotation.preferences import Preference
from annotation.task_types import ranking


def pairs(*groups: list[int]) -> list[Preference]:
    return ranking.preferences({"groups": list(groups)}, sum(map(len, groups)))


@pytest.mark.parametrize(
    "groups",
    [
        *([[a], [b], [c], [d]] for a, b, c, d in permutations(range(4))),
        [[2], [0, 1], [3]],
        [[0, 1, 2]],
        [[1, 3], [0, 2]],
        [[0, 4, 7], [1, 2, 3, 5], [6]],
    ],
)
def test_the_pairs_of_a_ranking_give_it_back(groups: Any) -> None:
    assert ranking_of(pairs(*groups)) == groups


def test_several_rankings_are_merged_by_the_share_of_comparisons_won() -> None:
    # Won of six comparisons each: 0 wins 2 + 2 + 0, 1 wins 1 + 0 + 2, 2 wins 0 + 1 + 1.
    votes = pairs([0], [1], [2]) + pairs([0], [2], [1]) + pairs([1], [2], [0])
    assert ranking_of(merge_votes(votes)) == [[0], [1], [2]]


def test_a_circle_is_a_tie() -> None:
    votes = pairs([0], [1], [2]) + pairs([1], [2], [0]) + pairs([2], [0], [1])
    assert ranking_of(merge_votes(votes)) == [[0, 1, 2]]


def test_the_best_against_each_of_the_others_leaves_the_others_together() -> None:
    best = [Preference(2, other, p=1.0, weight=1 / 3) for other in (0, 1, 3)]
    assert ranking_of(best) == [[2], [0, 1, 3]]


def test_what_no_pair_names_is_in_no_group() -> None:
    assert ranking_of([Preference(0, 3, p=0.0)]) == [[3], [0]]
    assert ranking_of([]) == []


def test_a_ranking_of_four_with_one_tie_prefers_in_five_pairs() -> None:
    """Ranks 1 2 2 3: C(4, 2) - 1."""
    expanded = pairs([0], [1, 2], [3])
    assert len(expanded) == 6
    assert sum(each.p != 0.5 for each in expanded) == 5
