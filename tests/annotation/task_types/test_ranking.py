"""K responses in an order, ties allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.task_types import AnswerInvalid, ranking


def test_ranks_become_groups_of_canonical_indices() -> None:
    # Shown: A = response 2, B = response 0, C = response 1; B is best, A and C tie.
    form = ranking.AnswerForm({"rank_0": "2", "rank_1": "1", "rank_2": "2"}, responses=3)
    assert form.is_valid()
    assert ranking.to_canonical(form.cleaned_data, [2, 0, 1]) == {"groups": [[0], [1, 2]]}


def test_gaps_between_ranks_mean_nothing() -> None:
    form = ranking.AnswerForm({"rank_0": "1", "rank_1": "3", "rank_2": "3"}, responses=3)
    assert form.is_valid()
    assert ranking.to_canonical(form.cleaned_data, [0, 1, 2]) == {"groups": [[0], [1, 2]]}


@pytest.mark.parametrize("rank", ["", "0", "4", "x"])
def test_every_response_needs_a_rank_that_exists(rank: str) -> None:
    form = ranking.AnswerForm({"rank_0": "1", "rank_1": "2", "rank_2": rank}, responses=3)
    assert list(form.errors) == ["rank_2"]


def test_pairs_follow_the_order_and_share_one_vote() -> None:
    # 2 > 0 = 1: six facts in three pairs, a third of a vote each
    pairs = ranking.preferences({"groups": [[2], [0, 1]]}, 3)
    said = {(p.a, p.b): (p.p, p.strength) for p in pairs}
    assert said == {(0, 1): (0.5, 0.0), (0, 2): (0.0, 1.0), (1, 2): (0.0, 1.0)}
    assert {p.weight for p in pairs} == {1 / 3}


@pytest.mark.parametrize(
    "groups",
    [[[0], [1]], [[0, 1, 1], [2]], [[0], [], [1, 2]], [0, 1, 2], [[0, 1, 3]], [[0.0, 1, 2]]],
)
def test_a_ranking_names_each_response_once(groups: list[object]) -> None:
    with pytest.raises(AnswerInvalid):
        ranking.check({"groups": groups}, 3, {})


def test_a_project_may_forbid_ties() -> None:
    form = ranking.AnswerForm(ranking.EXAMPLE, config={"allow_tie": False}, responses=3)
    assert not form.is_valid()


def test_the_order_inside_a_group_does_not_matter_for_agreement() -> None:
    answer = ranking.check({"groups": [[2, 0], [1]]}, 3, {})
    assert ranking.agreement_label(answer) == "0=2>1"


@given(st.permutations(range(5)), st.lists(st.integers(1, 5), min_size=5, max_size=5))
def test_any_display_order_is_undone(order: list[int], ranks: list[int]) -> None:
    shown = {f"rank_{place}": rank for place, rank in enumerate(ranks)}
    answer = ranking.to_canonical(shown, order)
    by_response = {canonical: ranks[place] for place, canonical in enumerate(order)}
    for pair in ranking.preferences(ranking.check(answer, 5, {}), 5):
        a, b = by_response[pair.a], by_response[pair.b]
        assert pair.p == (0.5 if a == b else float(a < b))
