"""The ideal response, written by a person."""

from typing import Any

import pytest

from annotation import services, text_diff
from annotation.models import Project
from annotation.task_types import AnswerInvalid, demonstration
from annotation.task_types.contract import Demonstration
from tests.builders import make_assignment, make_item, make_project, make_prompt


def sent(responses: int = 0, **fields: str) -> demonstration.AnswerForm:
    return demonstration.AnswerForm({"text": "A text.", **fields}, responses=responses)


def test_the_response_that_was_edited_is_named_by_what_it_is_and_not_by_its_place() -> None:
    form = sent(3, edited="0")
    assert form.is_valid(), form.errors
    answer = demonstration.to_canonical(form.cleaned_data, [2, 0, 1])
    assert answer == {"text": "A text.", "edited": 2}
    assert demonstration.demonstrations(answer, 3) == [Demonstration("A text.", edited=2)]
    assert demonstration.to_display(answer, [1, 2, 0]) == {"text": "A text.", "edited": 1}


def test_a_text_can_be_written_from_nothing() -> None:
    form = sent()
    assert form.is_valid(), form.errors
    answer = demonstration.to_canonical(form.cleaned_data, [])
    assert answer == {"text": "A text.", "edited": None}
    assert demonstration.with_diff(answer, []) == answer
    assert demonstration.agreement_label(answer) == "written"


def test_line_ends_are_stored_as_text_files_have_them() -> None:
    form = sent(text="  one\r\ntwo\rthree\n")
    assert form.is_valid()
    assert form.cleaned_data["text"] == "  one\ntwo\nthree\n"


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 100_001])
def test_a_response_has_words_and_a_bound(text: str) -> None:
    assert list(sent(text=text).errors) == ["text"]


@pytest.mark.parametrize("edited", ["2", "-1", "x"])
def test_only_a_response_that_is_shown_can_be_edited(edited: str) -> None:
    assert list(sent(2, edited=edited).errors) == ["edited"]


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "a"},
        {"text": " ", "edited": None},
        {"text": "a", "edited": 2},
        {"text": "a", "edited": True},
        {"text": "a\x00", "edited": None},
        {"text": "a\ud800", "edited": None},
        {"text": "a" * 100_001, "edited": None},
        {"text": "a", "edited": None, "author": "me"},
    ],
)
def test_what_is_no_demonstration_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(AnswerInvalid):
        demonstration.check(answer, 2, {})


@pytest.mark.django_db
def test_the_diff_is_made_by_the_server_whatever_is_sent(project: Project) -> None:
    item = make_item(project, ["The cat sat.", "No."], task_type="demonstration")
    said = services.submit_answer(
        make_assignment(item),
        answer={"text": "The dog sat.", "edited": 0, "diff": ["forged"]},
        submit_key="1",
    )
    assert said.answer == {"text": "The dog sat.", "edited": 0, "diff": [4, -3, "dog", 5]}
    assert text_diff.apply("The cat sat.", said.answer["diff"]) == "The dog sat."
    forged = {"text": "Mine.", "edited": None, "diff": ["forged"]}
    assert demonstration.check(forged, 2, {}) == {"text": "Mine.", "edited": None}


@pytest.mark.django_db
def test_the_same_demonstration_sent_twice_is_stored_once(project: Project) -> None:
    assignment = make_assignment(make_item(project, ["a", "b"], task_type="demonstration"))
    answer = {"text": "a b", "edited": 1}
    first = services.submit_answer(assignment, answer=answer, submit_key="1")
    again = services.submit_answer(assignment, answer=answer, submit_key="1")
    assert again.pk == first.pk


@pytest.mark.django_db
def test_a_prompt_alone_goes_all_the_way_from_the_queue_to_the_answer() -> None:
    project = make_project("written", task_type="demonstration", answers_per_item=2)
    item = services.queue_item(project, make_prompt(project), [], key="one")
    assert item is not None
    first, second = make_assignment(item), make_assignment(item)
    assert first.display_order == []
    answer = {"text": "Mine.", "edited": None}
    for turn in (first, second):
        services.submit_answer(turn, answer=answer, submit_key="1")
    item.refresh_from_db()
    assert (item.status, item.answer_count, item.open_slots) == ("complete", 2, 0)
    taken_back = services.undo_last(project, first.annotator)
    assert taken_back is not None
    services.submit_answer(taken_back, answer=answer | {"text": "Better."}, submit_key="2")
    item.refresh_from_db()
    assert item.status == "complete"


@pytest.mark.django_db
def test_a_comparison_needs_its_responses(project: Project) -> None:
    with pytest.raises(services.ContentInvalid, match="asks about 2 responses, not about 0"):
        services.queue_item(project, make_prompt(project), [], key="one")
