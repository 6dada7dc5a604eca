"""K responses in an order, ties allowed, or not rankable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.models import Project
from annotation.services.errors import ContentInvalid
from annotation.task_types import AnswerInvalid, ranking
from annotation.task_types.contract import Unpaired
from tests.builders import make_item


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


def test_what_has_no_rank_yet_is_named() -> None:
    errors = ranking.AnswerForm({"rank_1": "1"}, responses=3).errors
    assert errors == {
        "rank_0": ["Response A has no rank yet; 1 is the best."],
        "rank_2": ["Response C has no rank yet; 1 is the best."],
    }


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


# --- not rankable -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [slug for slug, _ in ranking.REASONS if slug != "other"])
def test_not_rankable_prefers_nothing_and_ignores_ranks(reason: str) -> None:
    sent = {"not_rankable": "on", "reason": reason, "rank_0": "1"}
    form = ranking.AnswerForm(sent, responses=3)
    assert form.is_valid(), form.errors
    answer = ranking.to_canonical(form.cleaned_data, [2, 0, 1])
    assert answer == {"groups": [], "not_rankable": True, "reason": reason}
    assert ranking.check(answer, 3, {}) == answer
    assert ranking.preferences(answer, 3) == []
    assert ranking.agreement_label(answer) == "not_rankable"
    assert ranking.to_display(answer, [2, 0, 1]) == {"not_rankable": True, "reason": reason}


def test_all_bad_is_a_negative_of_each() -> None:
    answer = {"groups": [], "not_rankable": True, "reason": "all_bad"}
    assert ranking.unpaired(answer, 2) == [Unpaired(0, is_good=False), Unpaired(1, is_good=False)]
    assert ranking.unpaired(answer | {"reason": "broken"}, 2) == []
    assert ranking.unpaired({"groups": [[0], [1]]}, 2) == []


def test_not_rankable_needs_a_reason_in_a_word_or_in_the_annotators_own() -> None:
    def sent(**fields: str) -> ranking.AnswerForm:
        return ranking.AnswerForm({"not_rankable": "on", **fields}, responses=2)

    assert "reason" in sent().errors
    assert "reason" in sent(reason="boredom").errors
    assert "rationale" in sent(reason="other").errors
    written = sent(rationale="Both are the same poem.")
    assert written.is_valid()
    assert ranking.to_canonical(written.cleaned_data, [0, 1])["reason"] == "other"


def test_a_project_may_want_every_item_ranked() -> None:
    sent = {"not_rankable": "on", "reason": "broken"}
    strict = {"allow_not_rankable": False}
    assert "not_rankable" in ranking.AnswerForm(sent, config=strict, responses=2).errors
    assert ranking.AnswerForm({"rank_0": "1", "rank_1": "2"}, config=strict, responses=2).is_valid()


@pytest.mark.parametrize(
    "answer",
    [
        {"groups": [[0], [1]], "not_rankable": True, "reason": "broken"},
        {"groups": [], "not_rankable": True},
        {"groups": [], "not_rankable": True, "reason": ["broken"]},
        {"groups": [], "not_rankable": "yes", "reason": "broken"},
        {"groups": [[0], [1]], "reason": "broken"},
        {"groups": [[0], [1]], "surprise": 1},
    ],
)
def test_half_a_ranking_and_half_a_refusal_is_neither(answer: dict[str, object]) -> None:
    with pytest.raises(AnswerInvalid):
        ranking.check(answer, 2, {})


def test_saying_that_it_is_rankable_changes_nothing() -> None:
    answer = {"groups": [[1], [0]], "not_rankable": False}
    assert ranking.check(answer, 2, {}) == {"groups": [[1], [0]]}


def test_people_are_asked_to_rank_at_most_nine(project: Project) -> None:
    make_item(project, [str(n) for n in range(9)], task_type="ranking")
    with pytest.raises(ContentInvalid, match="2 to 9 responses, not about 10"):
        make_item(project, [str(n) for n in range(10)], task_type="ranking")
