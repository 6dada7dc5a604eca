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
