"""Seven stops and "both bad"."""

import pytest

from annotation.preferences import Preference
from annotation.task_types import AnswerInvalid, pairwise

SHOWN_SWAPPED = [1, 0]


@pytest.mark.parametrize(("value", "words"), pairwise.STOPS)
def test_each_stop_is_stored_for_the_response_it_favours(value: int, words: str) -> None:
    form = pairwise.AnswerForm({"strength": str(value)})
    assert form.is_valid()
    straight = pairwise.to_canonical(form.cleaned_data, [0, 1])
    swapped = pairwise.to_canonical(form.cleaned_data, SHOWN_SWAPPED)
    assert straight == {"strength": value, "both_bad": False}
    assert swapped == {"strength": -value, "both_bad": False}
    # A stands left. Shown straight, A is canonical response 0; swapped, it is response 1.
    favours = {"A": "first", "B": "second"}.get(words[0] if words[1] == " " else "", "tie")
    assert pairwise.agreement_label(straight) == favours


def test_the_stops_run_from_left_to_right() -> None:
    assert [value for value, _ in pairwise.STOPS] == [3, 2, 1, 0, -1, -2, -3]


def test_preferences_say_who_and_how_clearly() -> None:
    def said(strength: int) -> list[Preference]:
        return pairwise.preferences({"strength": strength, "both_bad": False})

    assert said(3) == [Preference(0, 1, p=1.0, strength=3.0)]
    assert said(-2) == [Preference(0, 1, p=0.0, strength=2.0)]
    assert said(0) == [Preference(0, 1, p=0.5, strength=0.0)]


def test_both_bad_prefers_neither() -> None:
    form = pairwise.AnswerForm({"both_bad": "on", "strength": "3"})
    assert form.is_valid()
    answer = pairwise.to_canonical(form.cleaned_data, SHOWN_SWAPPED)
    assert answer == {"strength": 0, "both_bad": True}
    assert pairwise.preferences(answer) == []
    assert pairwise.to_display(answer, SHOWN_SWAPPED) == {"both_bad": True}
    assert pairwise.agreement_label(answer) == "both_bad"


@pytest.mark.parametrize("strength", ["4", "x", "1.5"])
def test_a_stop_that_does_not_exist_is_refused_once(strength: str) -> None:
    errors = pairwise.AnswerForm({"strength": strength}).errors
    assert errors == {"strength": ["Choose one of the seven stops."]}


def test_json_values_are_taken_as_well() -> None:
    form = pairwise.AnswerForm({"strength": -3, "both_bad": False})
    assert form.is_valid()
    assert form.cleaned_data["strength"] == -3


def test_a_project_may_forbid_ties_and_both_bad() -> None:
    strict = {"allow_tie": False, "allow_both_bad": False}
    assert "strength" in pairwise.AnswerForm({"strength": "0"}, config=strict).errors
    assert "both_bad" in pairwise.AnswerForm({"both_bad": "on"}, config=strict).errors
    assert pairwise.AnswerForm({"strength": "-1"}, config=strict).is_valid()
    only_ties = {"allow_tie": False}
    assert pairwise.AnswerForm({"both_bad": "on"}, config=only_ties).is_valid()
    with pytest.raises(AnswerInvalid):
        pairwise.check({"strength": 0, "both_bad": False}, 2, only_ties)


# --- other scales --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "values"),
    [
        (2, [1, -1]),
        (4, [2, 1, -1, -2]),
        (5, [2, 1, 0, -1, -2]),
        (8, [4, 3, 2, 1, -1, -2, -3, -4]),
        (9, [4, 3, 2, 1, 0, -1, -2, -3, -4]),
    ],
)
def test_each_scale_has_its_stops(scale: int, values: list[int]) -> None:
    config = {"scale": scale}
    assert [stop.value for stop in pairwise.stops_of(config)] == values
    for value in range(-5, 6):
        form = pairwise.AnswerForm({"strength": str(value)}, config=config)
        assert form.is_valid() == (value in values)
        if form.is_valid():
            answer = pairwise.to_canonical(form.cleaned_data, SHOWN_SWAPPED)
            assert answer == {"strength": -value, "both_bad": False, "scale": scale}
            assert pairwise.check(answer, 2, config) == answer
            shown = pairwise.to_display(answer, SHOWN_SWAPPED)
            assert shown == {"strength": value, "both_bad": False}


def test_the_same_words_mean_the_same_strength_on_every_scale() -> None:
    strengths = {"much": 3.0, "significantly": 3.0, "slightly": 1.0, "negligibly": 0.5}
    for scale in pairwise.SCALES:
        for stop in pairwise.stops_of({"scale": scale}):
            answer = {"strength": stop.value, "both_bad": False, "scale": scale}
            [said] = pairwise.preferences(answer)
            word = stop.words.split()[2] if stop.value else ""
            assert said.strength == strengths.get(word, 2.0 if stop.value else 0.0), stop
            assert said.p == {"a": 1.0, "b": 0.0, "tie": 0.5}[stop.side]


def test_an_answer_keeps_its_scale_when_the_setting_changes() -> None:
    given_on_eight = {"strength": 4, "both_bad": False, "scale": 8}
    assert pairwise.check(given_on_eight, 2, {"scale": 2}) == given_on_eight
    assert pairwise.preferences(given_on_eight)[0].strength == 3.0
    # A vote that was read in from a file is on the default scale, in any project.
    read_in = {"strength": -3, "both_bad": False}
    assert pairwise.check(read_in, 2, {"scale": 2}) == read_in


def test_both_bad_goes_with_every_scale() -> None:
    for scale in pairwise.SCALES:
        form = pairwise.AnswerForm({"both_bad": "on"}, config={"scale": scale})
        assert form.is_valid(), form.errors
        answer = pairwise.to_canonical(form.cleaned_data, [0, 1])
        assert pairwise.preferences(pairwise.check(answer, 2, {"scale": scale})) == []


@pytest.mark.parametrize(
    "answer",
    [
        {"strength": 0, "scale": 8},
        {"strength": 3, "scale": 5},
        {"strength": 1, "scale": 3},
        {"strength": 1, "scale": True},
        {"strength": 1, "scale": [7]},
    ],
)
def test_a_stop_that_its_scale_lacks_is_refused(answer: dict[str, object]) -> None:
    with pytest.raises(AnswerInvalid) as refusal:
        pairwise.check(answer, 2, {"scale": 8})
    assert refusal.value.field == "strength"


def test_words_of_one_s_own_stand_on_the_stops() -> None:
    config = {"scale": 2, "words": ["links", "rechts"]}
    form = pairwise.AnswerForm({"strength": "-1"}, config=config)
    assert [(stop.value, stop.words) for stop in form.stops] == [(1, "links"), (-1, "rechts")]
    # Words that were left over from another scale are not shown on the wrong stops.
    assert pairwise.stops_of(config | {"scale": 7})[0].words == "A is much better"


def test_there_are_as_many_words_as_stops() -> None:
    form = pairwise.SettingsForm({"scale": "4", "words": "one\ntwo\n\nthree\n"})
    assert form.errors == {"words": ["Write 4 lines, one for each stop; here are 3."]}
    form = pairwise.SettingsForm({"scale": "4", "words": "one\ntwo\n\nthree\n four "})
    assert form.is_valid()
    assert form.to_config()["words"] == ["one", "two", "three", "four"]
    assert form.to_config()["scale"] == 4


# --- dimensions and reasons ----------------------------------------------------------------------

RICH = {"dimensions": ["helpfulness", "no “lies”"], "reasons": ["more accurate", "better written"]}


def test_each_dimension_is_stored_for_the_response_it_favours() -> None:
    data = {"strength": "-1", "dimension_helpfulness": "1", "dimension_no “lies”": "0"}
    form = pairwise.AnswerForm(data, config=RICH)
    assert form.is_valid(), form.errors
    answer = pairwise.to_canonical(form.cleaned_data, SHOWN_SWAPPED)
    assert answer == {
        "strength": 1,
        "both_bad": False,
        "dimensions": {"helpfulness": -1, "no “lies”": 0},
    }
    assert pairwise.check(answer, 2, RICH) == answer
    again = pairwise.AnswerForm(pairwise.to_display(answer, SHOWN_SWAPPED), config=RICH)
    assert again.is_valid()
    assert pairwise.to_canonical(again.cleaned_data, SHOWN_SWAPPED) == answer
    # They are no votes of their own: what trains is the overall choice.
    assert pairwise.preferences(answer) == [Preference(0, 1, p=1.0, strength=1.0)]
    assert pairwise.agreement_label(answer) == "first"


def test_a_dimension_can_be_left_open_unless_the_project_requires_it() -> None:
    form = pairwise.AnswerForm({"strength": "2", "dimension_helpfulness": "1"}, config=RICH)
    assert form.is_valid()
    assert pairwise.to_canonical(form.cleaned_data, [0, 1])["dimensions"] == {"helpfulness": 1}
    strict = RICH | {"dimensions_required": True}
    form = pairwise.AnswerForm({"strength": "2", "dimension_helpfulness": "1"}, config=strict)
    assert form.errors == {"dimension_no “lies”": ["Say which response is better in no “lies”."]}


def test_nothing_is_stored_where_nothing_is_asked_or_said() -> None:
    plain = {"strength": 2, "both_bad": False}
    for config in ({}, RICH):
        form = pairwise.AnswerForm({"strength": "2"}, config=config)
        assert form.is_valid()
        assert pairwise.to_canonical(form.cleaned_data, [0, 1]) == plain
        assert pairwise.check(plain | {"dimensions": {}, "reasons": []}, 2, config) == plain


def test_reasons_are_stored_once_and_in_the_order_of_the_project() -> None:
    said = ["better written", "more accurate", "better written"]
    form = pairwise.AnswerForm({"both_bad": True, "reasons": said}, config=RICH)
    assert form.is_valid()
    answer = pairwise.check(pairwise.to_canonical(form.cleaned_data, [1, 0]), 2, RICH)
    assert answer["reasons"] == ["more accurate", "better written"]
    assert pairwise.to_display(answer, [1, 0])["reasons"] == answer["reasons"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dimensions", {"charm": 1}),
        ("dimensions", {"helpfulness": 2}),
        ("dimensions", {"helpfulness": True}),
        ("dimensions", ["helpfulness"]),
        ("reasons", ["shorter"]),
        ("reasons", "more accurate"),
        ("reasons", [["more accurate"]]),
    ],
)
def test_what_the_project_does_not_ask_is_refused(field: str, value: object) -> None:
    with pytest.raises(AnswerInvalid) as refusal:
        pairwise.check({"strength": 1, "both_bad": False, field: value}, 2, RICH)
    assert refusal.value.field == field
    assert refusal.value.message.endswith(".")


@pytest.mark.parametrize(
    "data", [{"dimension_charm": "1"}, {"dimension_helpfulness": "3"}, {"reasons": ["shorter"]}]
)
def test_the_form_refuses_it_as_well(data: dict[str, object]) -> None:
    assert not pairwise.AnswerForm({"strength": "1", **data}, config=RICH).is_valid()


def test_no_key_stands_for_two_things() -> None:
    taken = set("0123456789") | set("brufscgh?dv")  # the scale, the screen, differences, a warning
    ours = pairwise.DIMENSION_KEYS + pairwise.REASON_KEYS
    assert len(set(ours)) == len(ours)
    assert not set(ours) & taken
