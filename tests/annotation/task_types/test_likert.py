"""Ratings by attribute."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.task_types import AnswerInvalid, likert
from annotation.task_types.contract import Unpaired

CONFIG = {
    "attributes": [
        {"name": "clear", "label": "Clear", "question": ""},
        {"name": "true", "label": "True", "question": "Is it so?"},
    ],
    "stops": 7,
    "words": [],
}


def rated(*ratings: tuple[int | None, int | None], stops: int = 7) -> dict[str, Any]:
    return {"stops": stops, "ratings": [{"clear": c, "true": t} for c, t in ratings]}


def pairs_of(*ratings: tuple[int | None, int | None], stops: int = 7) -> list[Any]:
    found = likert.preferences(rated(*ratings, stops=stops), len(ratings))
    return [(pair.a, pair.b, pair.p, pair.strength, pair.weight) for pair in found]


def test_ratings_are_stored_in_canonical_order_with_their_scale() -> None:
    # Shown: A = response 1, B = response 0.
    sent = {
        "rating_0_clear": "7",
        "rating_0_true": "none",
        "rating_1_clear": "1",
        "rating_1_true": "4",
        "stops": "7",
    }
    form = likert.AnswerForm(sent, config=CONFIG, responses=2)
    assert form.is_valid(), form.errors
    assert likert.to_canonical(form.cleaned_data, [1, 0]) == rated((1, 4), (7, None))


def test_every_row_that_was_not_touched_is_named() -> None:
    sent = {"rating_0_clear": "7", "rating_1_true": "none"}
    form = likert.AnswerForm(sent, config=CONFIG, responses=2)
    assert form.errors == {
        "rating_0_true": [
            "True of response A is not rated; choose a stop, or that you can’t judge it."
        ],
        "rating_1_clear": [
            "Clear of response B is not rated; choose a stop, or that you can’t judge it."
        ],
    }


@pytest.mark.parametrize("value", ["0", "8", "3.5", "x"])
def test_a_stop_lies_on_the_scale(value: str) -> None:
    sent = {"rating_0_clear": value, "rating_0_true": "1"}
    form = likert.AnswerForm(sent, config=CONFIG, responses=1)
    assert form.errors == {"rating_0_clear": ["Clear of response A: choose a stop from 1 to 7."]}


def test_an_answer_on_a_scale_that_changed_meanwhile_is_refused() -> None:
    sent = {"rating_0_clear": "3", "rating_0_true": "1", "stops": "5"}
    form = likert.AnswerForm(sent, config=CONFIG, responses=1)
    assert list(form.errors) == ["stops"]


def test_an_item_of_which_nothing_can_be_judged_is_to_be_skipped() -> None:
    sent = {"rating_0_clear": "none", "rating_0_true": "none"}
    form = likert.AnswerForm(sent, config=CONFIG, responses=1)
    assert form.non_field_errors() == ["Nothing can be judged here? Then skip the item."]


def test_pairs_compare_the_means_of_what_was_judged_on_both() -> None:
    # means 5.5 and 4, a quarter of the six steps apart: strength 3 × 1.5 / 6
    assert pairs_of((6, 5), (3, 5)) == [(0, 1, 1.0, 0.75, 1.0)]
    assert pairs_of((1, 7), (7, 1)) == [(0, 1, 0.5, 0.0, 1.0)]
    # only "true" is judged on both
    assert pairs_of((None, 2), (7, 4)) == [(0, 1, 0.0, 1.0, 1.0)]
    # the whole scale apart is as strong as a pairwise answer can be
    assert pairs_of((2, 2), (1, 1), stops=2) == [(0, 1, 1.0, 3.0, 1.0)]


def test_what_cannot_be_compared_gives_no_pair_and_the_others_keep_their_share() -> None:
    assert pairs_of((None, 2), (3, None)) == []
    assert [pair[::4] for pair in pairs_of((None, 2), (3, None), (3, 2))] == [
        (0, pytest.approx(1 / 3)),
        (1, pytest.approx(1 / 3)),
    ]
    assert likert.preferences(rated((3, 4)), 1) == []


def test_a_response_alone_is_called_only_what_every_attribute_says() -> None:
    answer = rated((5, 7), (4, 5), (3, None), (5, 3), (None, None))
    assert likert.unpaired(answer, 5) == [Unpaired(0, True), Unpaired(2, False)]


def test_two_people_agree_who_put_every_pair_into_the_same_order() -> None:
    assert likert.agreement_label(rated((5, 5), (3, 3), (5, 5))) == "0>1 0=2 1<2"
    assert likert.agreement_label(rated((7, 6), (1, 1), (6, 7))) == "0>1 0=2 1<2"
    assert likert.agreement_label(rated((None, 2), (3, None))) == "unclear"
    assert [likert.agreement_label(rated(r)) for r in ((7, 5), (1, 2), (1, 7))] == [
        "good",
        "bad",
        "mixed",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        rated((1, 2)),
        rated((1, 2), (1, 8)),
        rated((1, 2), (1, True)),
        rated((1, 2), (1, 2), stops=5),
        {"stops": 7, "ratings": [{"clear": 1}, {"clear": 2}]},
        {"stops": 7, "ratings": [1, 2]},
        {"ratings": rated((1, 2), (1, 2))["ratings"]},
        rated((None, None), (None, None)),
    ],
)
def test_what_is_no_rating_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(AnswerInvalid) as refusal:
        likert.check(answer, 2, CONFIG)
    assert refusal.value.message.endswith((".", "?"))


ratings = st.one_of(st.none(), st.integers(1, 7))


@given(st.lists(st.tuples(ratings, ratings), min_size=1, max_size=9), st.randoms())
def test_any_display_order_is_undone(said: list[Any], random: Any) -> None:
    order = random.sample(range(len(said)), len(said))
    answer = rated(*said)
    form = likert.AnswerForm(likert.to_display(answer, order), config=CONFIG, responses=len(said))
    if any(rating for pair in said for rating in pair):
        assert form.is_valid(), form.errors
        assert likert.to_canonical(form.cleaned_data, order) == answer
    else:
        assert not form.is_valid()


# --- settings -------------------------------------------------------------------------------------


def settings(**sent: str) -> likert.SettingsForm:
    return likert.SettingsForm({"attributes": "Clear", "stops": "3", "words": "", **sent})


def test_settings_are_plain_lines() -> None:
    form = settings(attributes="Clear\nTrue: Is it so?", words="no\n\nyes")
    assert form.is_valid(), form.errors
    config = form.to_config()
    assert config == {
        "attributes": [
            {"name": "clear", "label": "Clear", "question": ""},
            {"name": "true", "label": "True", "question": "Is it so?"},
        ],
        "stops": 3,
        "words": ["no", "", "yes"],
    }
    shown = likert.SettingsForm(config=config)
    assert shown["attributes"].value() == "Clear\nTrue: Is it so?"
    assert shown["words"].value() == "no\n\nyes"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("stops", "1", "A scale has 2 to 10 stops."),
        ("stops", "11", "A scale has 2 to 10 stops."),
        ("words", "no\nyes", "Line 3: the words for stop 3 of 3 are missing."),
        ("attributes", "Clear\nclear", "Line 2: clear is there twice; leave one out."),
    ],
)
def test_what_is_wrong_with_a_setting_is_said_at_its_field(
    field: str, value: str, said: str
) -> None:
    form = settings(**{field: value})
    assert list(form.errors) == [field]
    assert form.errors[field][0].startswith(said)


def test_the_screen_has_a_key_for_each_of_ten_stops() -> None:
    form = likert.AnswerForm(config={"stops": 10}, responses=1)
    ((letter, rows),) = form.groups
    assert (letter, len(rows)) == ("A", 3)
    assert [stop.key for stop in rows[0].stops] == list("1234567890")
