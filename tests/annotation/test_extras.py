"""Answers that came too late for a slot, and the slots that fall free after them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import services
from annotation.models import Assignment, Item, Project, Tally
from tests.builders import make_assignment, make_item

LEFT = {"strength": 2, "both_bad": False}
RIGHT = {"strength": -1, "both_bad": False}


@pytest.fixture
def item(project: Project) -> Item:
    return make_item(project)


def let_run_out(turn: Assignment) -> None:
    Assignment.objects.filter(pk=turn.pk).update(lease_until=timezone.now() - timedelta(hours=1))
    services.release_stale()


def submit(turn: Assignment, answer: dict = LEFT) -> None:
    services.submit_answer(turn, answer=answer, submit_key="k1")


def away(item: Item) -> Assignment:
    """A turn whose lease ran out."""
    turn = make_assignment(item)
    let_run_out(turn)
    return turn


def where(*turns: Assignment) -> list[tuple[str, int | None]]:
    rows = [Assignment.objects.get(pk=turn.pk) for turn in turns]
    return [(row.status, row.slot) for row in rows]


def assert_is_complete(item: Item, answers: int = 1) -> None:
    item.refresh_from_db()
    state = (item.status, item.answer_count, item.open_slots)
    assert state == (Item.Status.COMPLETE, answers, 0)
    assert item.assignments.filter(slot__isnull=False).count() == answers


def test_a_slot_that_somebody_gives_back_goes_to_the_late_answer(item: Item) -> None:
    """Who gave it is not asked again: else the item would want one person more than it does."""
    late, other = away(item), make_assignment(item)
    submit(late)
    assert where(late) == [("extra", None)]
    services.skip(other)
    assert where(late, other) == [("answered", 0), ("skipped", None)]
    assert_is_complete(item)
    assert late.annotator.tallies.get(project=item.project).answered == 1


def test_an_answer_of_yesterday_that_counts_now_is_none_of_today(item: Item) -> None:
    late, other = away(item), make_assignment(item)
    submit(late)
    late.annotations.update(created=timezone.now() - timedelta(days=1))
    today = timezone.localdate()
    Tally.objects.create(project=item.project, annotator=late.annotator, day=today, today=4)
    services.skip(other)
    tally = Tally.objects.get(annotator=late.annotator)
    assert (tally.answered, tally.today, tally.day) == (1, 4, today)


def test_so_does_that_of_a_lease_that_ran_out(item: Item) -> None:
    late, other = away(item), make_assignment(item)
    submit(late)
    let_run_out(other)
    assert where(late, other) == [("answered", 0), ("expired", None)]
    submit(other)  # now this one came too late
    assert where(late, other) == [("answered", 0), ("extra", None)]
    assert_is_complete(item)


def test_what_was_said_first_counts_first(item: Item) -> None:
    first, second, other = away(item), away(item), make_assignment(item)
    submit(second)
    submit(first)
    services.skip(other)
    assert where(first, second) == [("extra", None), ("answered", 0)]
    assert_is_complete(item)


def test_where_people_disagree_the_late_answer_is_the_one_more(project: Project) -> None:
    services.set_flow_policy(project, max_overlap=3)
    item = make_item(project, answers_wanted=2)
    late, one, two = away(item), make_assignment(item), make_assignment(item)
    submit(late, RIGHT)
    submit(one, LEFT)
    submit(two, RIGHT)
    assert where(late, one, two) == [("answered", 2), ("answered", 0), ("answered", 1)]
    assert_is_complete(item, answers=3)


def test_an_item_that_is_reopened_counts_what_came_meanwhile(item: Item) -> None:
    late = away(item)
    services.retire_item(item)
    submit(late)
    assert where(late) == [("extra", None)]
    services.reopen_item(item)
    assert where(late) == [("answered", 0)]
    assert_is_complete(item)


def test_an_answer_that_was_taken_back_does_not_count(project: Project) -> None:
    item = make_item(project)
    late, other = away(item), make_assignment(item)
    submit(late)
    services.undo_last(project, late.annotator)
    services.skip(other)
    assert where(late) == [("expired", None)]
    item.refresh_from_db()
    assert (item.status, item.answer_count, item.open_slots) == (Item.Status.OPEN, 0, 1)
