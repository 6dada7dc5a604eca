"""Ratings and flags for each response, and the ranking of all."""

from itertools import permutations
from typing import Any

import pytest

from annotation.task_types import AnswerInvalid, rate_then_rank
from annotation.task_types.contract import Unpaired

UNTRUE, UNSAFE = "Untrue or made up", "Unsafe or harmful"
SENT: dict[str, Any] = {
    "rating_0": "6", "rating_1": "2", "rating_2": "5",
    "flags_1": [UNSAFE, UNTRUE],
    "rank_0": "1", "rank_1": "3", "rank_2": "2",
}  # fmt: skip


def stored(order: list[int], **changes: Any) -> dict[str, Any]:
    form = rate_then_rank.AnswerForm({**SENT, **changes}, responses=3)
    assert form.is_valid(), form.errors
    answer = rate_then_rank.to_canonical(form.cleaned_data, order)
    return rate_then_rank.check(answer, 3, {})


def test_everything_follows_the_response_not_its_place() -> None:
    # Shown: A = response 2, B = response 0, C = response 1.
    assert stored([2, 0, 1]) == {
        "ratings": [2, 5, 6],
        "flags": [[UNTRUE, UNSAFE], [], []],  # in the order of the project's list
        "groups": [[2], [1], [0]],
    }


def test_flags_and_ratings_come_back_where_they_were() -> None:
    for order in permutations(range(3)):
        answer = stored(list(order))
        shown = rate_then_rank.to_display(answer, order)
        form = rate_then_rank.AnswerForm(shown, responses=3)
        assert form.is_valid(), form.errors
        assert rate_then_rank.to_canonical(form.cleaned_data, order) == answer


@pytest.mark.parametrize("rating", ["", "0", "8", "x", "1.5"])
def test_every_response_needs_a_rating_that_exists(rating: str) -> None:
    errors = rate_then_rank.AnswerForm({**SENT, "rating_1": rating}, responses=3).errors
    assert list(errors) == ["rating_1"]
    assert "Response B" in errors["rating_1"][0]


def test_ratings_alone_are_no_ranking() -> None:
    rated = {name: value for name, value in SENT.items() if not name.startswith("rank")}
    assert list(rate_then_rank.AnswerForm(rated, responses=3).errors) == [
        "rank_0", "rank_1", "rank_2",
    ]  # fmt: skip


def test_the_ranking_says_who_and_the_ratings_how_clearly() -> None:
    def said(ratings: list[int], groups: list[list[int]]) -> dict[tuple[int, int], Any]:
        answer = {"ratings": ratings, "flags": [[], [], []], "groups": groups}
        pairs = rate_then_rank.preferences(answer, 3)
        assert {p.weight for p in pairs} == {1 / 3}
        return {(p.a, p.b): (p.p, p.strength) for p in pairs}

    # 7 against 1: much better. 7 against 4: half of three stops. 4 against 1 likewise.
    assert said([7, 4, 1], [[0], [1], [2]]) == {
        (0, 1): (1.0, 1.5), (0, 2): (1.0, 3.0), (1, 2): (1.0, 1.5),
    }  # fmt: skip
    # Response 2 leads although it was rated lowest; 0 and 1 tie although 0 was rated higher.
    assert said([7, 4, 1], [[2], [0, 1]]) == {
        (0, 1): (0.5, 0.0), (0, 2): (0.0, 1.0), (1, 2): (0.0, 1.0),
    }  # fmt: skip


def test_ratings_off_the_middle_are_good_or_bad_by_themselves() -> None:
    answer = stored([0, 1, 2], rating_2="4")
    assert rate_then_rank.unpaired(answer, 3) == [
        Unpaired(0, is_good=True),
        Unpaired(1, is_good=False),
    ]


def test_only_the_order_counts_for_agreement() -> None:
    generous, strict = stored([0, 1, 2]), stored([0, 1, 2], rating_1="1", flags_1=[])
    assert rate_then_rank.agreement_label(generous) == "0>2>1"
    assert rate_then_rank.agreement_label(strict) == "0>2>1"


def test_a_project_has_flags_of_its_own() -> None:
    own = {"flags": ["Too long"]}
    assert rate_then_rank.AnswerForm(
        {**SENT, "flags_1": ["Too long"]}, config=own, responses=3
    ).is_valid()
    refused = rate_then_rank.AnswerForm({**SENT}, config=own, responses=3)
    assert refused.errors == {"flags_1": [f"{UNSAFE} is not a flag of this project."]}
    without = rate_then_rank.AnswerForm({**SENT, "flags_1": []}, config={"flags": []}, responses=3)
    assert without.is_valid(), without.errors


def test_flags_are_set_one_a_line() -> None:
    form = rate_then_rank.SettingsForm({"flags": " Too long \n\nRude\n", "allow_tie": "on"})
    assert form.is_valid()
    assert form.to_config() == {"flags": ["Too long", "Rude"]}
    shown = rate_then_rank.SettingsForm(config=form.to_config())
    assert ">\nToo long\nRude</textarea>" in str(shown["flags"])


@pytest.mark.parametrize("flags", ["a\na", "\n".join("abcdefghijklm"), "x" * 61])
def test_flags_that_no_screen_could_show_are_refused(flags: str) -> None:
    assert "flags" in rate_then_rank.SettingsForm({"flags": flags}).errors


def test_a_project_may_forbid_ties() -> None:
    tied = {**SENT, "rank_2": "1"}
    assert rate_then_rank.AnswerForm(tied, responses=3).is_valid()
    assert not rate_then_rank.AnswerForm(tied, config={"allow_tie": False}, responses=3).is_valid()


GOOD = {"ratings": [1, 7], "flags": [[], []], "groups": [[1], [0]]}


@pytest.mark.parametrize(
    "change",
    [
        {"ratings": [1]},
        {"ratings": [1, True]},
        {"ratings": [1, 7.0]},
        {"ratings": [0, 7]},
        {"ratings": "17"},
        {"flags": [[]]},
        {"flags": [[], "Unsafe or harmful"]},
        {"flags": [[], [["Unsafe or harmful"]]]},
        {"flags": [[], ["unheard"]]},
        {"groups": [[1]]},
        {"extra": 1},
    ],
)
def test_a_stored_answer_is_whole(change: dict[str, Any]) -> None:
    assert rate_then_rank.check(GOOD, 2, {}) == GOOD
    with pytest.raises(AnswerInvalid) as refusal:
        rate_then_rank.check(GOOD | change, 2, {})
    assert refusal.value.message.endswith(".")


def test_flags_are_plain_text() -> None:
    form = rate_then_rank.SettingsForm({"flags": "Too long\nba\x00d"})
    assert not form.is_valid()
    assert list(form.errors) == ["flags"]
