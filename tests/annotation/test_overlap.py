"""An item whose answers differ is asked of one more, and one that agrees is not."""

import pytest
from django.contrib.auth.models import User

from annotation import queries_progress, services
from annotation.models import Annotation, Assignment, Item, Project
from tests.builders import make_annotation, make_assignment, make_item, make_member

FIRST = {"strength": 2, "both_bad": False}
SECOND = {"strength": -2, "both_bad": False}


@pytest.fixture
def asks_more(project: Project) -> Project:
    services.update_project(project, answers_per_item=2)
    services.set_flow_policy(project, max_overlap=4, agree_share=0.7)
    return project


def state(item: Item) -> tuple[str, int, int, int]:
    """Status, answers wanted, open slots, answers; and the rule of slots holds."""
    item.refresh_from_db()
    holding = item.assignments.filter(slot__isnull=False)
    assert item.open_slots + holding.count() == item.answers_wanted
    assert item.answer_count == holding.filter(status=Assignment.Status.ANSWERED).count()
    return item.status, item.answers_wanted, item.open_slots, item.answer_count


def edit(said: Annotation, answer: dict[str, object], key: str = "edited") -> None:
    services.submit_answer(said.assignment, answer=answer, submit_key=key)


def test_answers_that_agree_are_enough(asks_more: Project) -> None:
    item = make_item(asks_more)
    for strength in (3, 1):
        make_annotation(item, strength=strength)
    assert state(item) == ("complete", 2, 0, 2)


def test_one_more_is_asked_at_a_time_until_they_agree(asks_more: Project) -> None:
    item = make_item(asks_more)
    make_annotation(item, strength=2)
    make_annotation(item, strength=-2)
    assert state(item) == ("open", 3, 1, 2)
    make_annotation(item, strength=2)  # 2 of 3 are 0.67
    assert state(item) == ("open", 4, 1, 3)
    make_annotation(item, strength=1)  # 3 of 4
    assert state(item) == ("complete", 4, 0, 4)
    assert item.overlap_added == 2


def test_the_most_is_the_most(asks_more: Project) -> None:
    item = make_item(asks_more)
    for strength in (2, -2, 2, -2):
        make_annotation(item, strength=strength)
    assert state(item) == ("complete", 4, 0, 4)


def test_who_answered_is_not_asked_again(asks_more: Project, annotator: User) -> None:
    item = make_item(asks_more)
    make_annotation(item, annotator, strength=2)
    make_annotation(item, strength=-2)
    assert services.claim_next(asks_more, annotator) is None
    assert services.claim_next(asks_more, make_member(asks_more)) is not None


def test_an_answer_taken_back_takes_the_free_slot_with_it(
    asks_more: Project, annotator: User
) -> None:
    item = make_item(asks_more)
    make_annotation(item, strength=2)
    make_annotation(item, annotator, strength=-2)
    assert state(item) == ("open", 3, 1, 2)
    turn = services.undo_last(asks_more, annotator)
    assert turn is not None
    assert state(item) == ("open", 2, 0, 1)
    services.submit_answer(turn, answer=FIRST, submit_key="again")
    assert state(item) == ("complete", 2, 0, 2)
    assert item.overlap_added == 0


def test_a_slot_that_somebody_holds_stays(asks_more: Project, annotator: User) -> None:
    item = make_item(asks_more)
    make_annotation(item, strength=2)
    make_annotation(item, annotator, strength=-2)
    third = make_assignment(item)
    turn = services.undo_last(asks_more, annotator)
    assert turn is not None
    assert state(item) == ("open", 3, 0, 1)
    services.submit_answer(turn, answer=FIRST, submit_key="again")
    services.submit_answer(third, answer=FIRST, submit_key="third")
    assert state(item) == ("complete", 3, 0, 3)


def test_a_changed_answer_adds_a_slot_or_takes_it_back(asks_more: Project) -> None:
    item = make_item(asks_more)
    make_annotation(item, strength=2)
    said = make_annotation(item, strength=1)
    edit(said, SECOND, "one")
    assert state(item) == ("open", 3, 1, 2)
    edit(said, FIRST, "two")
    assert state(item) == ("complete", 2, 0, 2)


def test_the_same_submission_again_adds_no_slot(asks_more: Project) -> None:
    item = make_item(asks_more)
    make_annotation(item, strength=2)
    turn = make_assignment(item)
    for _ in range(3):
        services.submit_answer(turn, answer=SECOND, submit_key="same")
    assert state(item) == ("open", 3, 1, 2)


@pytest.mark.parametrize("origin", ["chat"])
def test_a_turn_of_a_conversation_is_its_persons_alone(asks_more: Project, origin: str) -> None:
    item = make_item(asks_more, origin=origin)
    make_annotation(item, strength=2)
    make_annotation(item, strength=-2)
    assert state(item) == ("complete", 2, 0, 2)


def test_gold_asks_nobody_more(asks_more: Project, annotator: User) -> None:
    item = make_item(asks_more)
    make_annotation(item, strength=2)
    services.make_gold(item, kind="hidden", answer=FIRST, reason="Because.")
    for person in (annotator, make_member(asks_more)):
        turn = services.claim_item(item, person)
        assert turn is not None
        services.submit_answer(turn, answer=SECOND, submit_key="k")
    item.refresh_from_db()
    assert (item.status, item.overlap_added) == ("gold", 0)


def test_demonstrations_cannot_disagree(asks_more: Project) -> None:
    item = make_item(asks_more, task_type="demonstration")
    for text in ("One way.", "Another."):
        make_annotation(item, answer={"text": text, "edited": None})
    assert state(item) == ("complete", 2, 0, 2)


def test_nobody_learns_from_the_figures_that_others_disagree(
    asks_more: Project, annotator: User
) -> None:
    item = make_item(asks_more)
    make_annotation(item, strength=2)
    before = queries_progress.progress(asks_more, annotator)
    make_annotation(item, annotator, strength=-2)
    after = queries_progress.progress(asks_more, annotator)
    assert (before.done, before.total) == (1, 2)
    assert (after.done, after.total) == (2, 2)


def test_without_the_setting_nobody_more_is_asked(project: Project) -> None:
    item = make_item(project, answers_wanted=2)
    make_annotation(item, strength=2)
    make_annotation(item, strength=-2)
    assert state(item) == ("complete", 2, 0, 2)
