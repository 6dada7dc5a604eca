"""The next item is the right one, and is found without walking past what was seen before."""

import random
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import services
from annotation.models import Assignment, Bookmark, Item, Project, Tally, place_now
from annotation.services import lanes
from tests.builders import make_item, make_member, make_prompt

ANSWER = {"strength": 1, "both_bad": False}
MANY = 8  # people wanted, so that an item stays open to others


@pytest.fixture(autouse=True)
def _short_strides(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handful of items then is what thousands are in earnest."""
    monkeypatch.setattr(lanes, "GLANCE", 2)
    monkeypatch.setattr(lanes, "STRIDE", 3)
    monkeypatch.setattr(lanes, "WORTH_MOVING", 1)


def settle() -> None:
    """All that is in the queue came into it long ago."""
    Item.objects.update(place=F("id"))


def claim(project: Project, person: User) -> Assignment:
    assignment = services.claim_next(project, person)
    assert assignment is not None, "nothing is open to this person"
    return assignment


def answer_next(project: Project, person: User) -> int:
    assignment = claim(project, person)
    services.submit_answer(assignment, answer=ANSWER, submit_key="key")
    return assignment.item_id


def expire(assignment: Assignment) -> None:
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Assignment.objects.filter(pk=assignment.pk).update(lease_until=an_hour_ago)


def answer_all(project: Project, person: User, count: int) -> list[int]:
    """Also asks once more, so that the bookmarks are where they can be."""
    answered = [answer_next(project, person) for _ in range(count)]
    assert services.claim_next(project, person) is None
    return answered


def test_the_bookmark_follows_what_was_seen(project: Project, annotator: User) -> None:
    items = [make_item(project, answers_wanted=MANY) for _ in range(9)]
    settle()
    assert answer_all(project, annotator, 9) == [item.pk for item in items]
    bookmark = Bookmark.objects.get(annotator=annotator)
    assert (bookmark.place, bookmark.item_id) == (items[-1].pk, items[-1].pk)
    assert answer_all(project, make_member(project), 9) == [item.pk for item in items]


def test_a_claim_costs_the_same_however_much_was_seen(project: Project, annotator: User) -> None:
    for _ in range(25):
        make_item(project, answers_wanted=MANY)
    settle()
    costs = []
    for _ in range(24):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer_next(project, annotator)
        costs.append(len(queries))
    assert max(costs[12:]) <= max(costs[:12])


def test_items_of_one_moment_are_all_found(project: Project, annotator: User) -> None:
    items = [make_item(project, answers_wanted=MANY) for _ in range(9)]
    Item.objects.update(place=7)
    assert answer_all(project, annotator, 9) == [item.pk for item in items]


def test_an_item_reopened_behind_the_bookmark_is_found(project: Project, annotator: User) -> None:
    retired, *_ = [make_item(project, answers_wanted=MANY) for _ in range(6)]
    settle()
    services.retire_item(retired)
    answer_all(project, annotator, 5)
    services.reopen_item(retired)
    assert answer_next(project, annotator) == retired.pk


@pytest.mark.parametrize("way", ["skip", "expiry", "undone and left"])
def test_a_slot_freed_behind_the_bookmark_is_found(
    project: Project, annotator: User, way: str
) -> None:
    full = make_item(project, answers_wanted=1)
    for _ in range(5):
        make_item(project, answers_wanted=MANY)
    settle()
    other = make_member(project)
    held = claim(project, other)
    if way == "undone and left":
        services.submit_answer(held, answer=ANSWER, submit_key="key")
    answer_all(project, annotator, 5)
    if way == "skip":
        services.skip(held)
    elif way == "expiry":
        expire(held)
    else:
        services.undo_last(project, other)
        expire(held)
    assert answer_next(project, annotator) == full.pk


def test_what_came_back_is_asked_before_what_is_new(project: Project, annotator: User) -> None:
    first, second, urgent = make_item(project), make_item(project), make_item(project, priority=1)
    other = make_member(project)
    held = [claim(project, other) for _ in range(2)]
    assert [each.item_id for each in held] == [urgent.pk, first.pk]
    services.skip(held[1])
    more_urgent = make_item(project, priority=2)
    found = [answer_next(project, annotator) for _ in range(3)]
    assert found == [more_urgent.pk, first.pk, second.pk]


def test_an_item_committed_late_is_found_in_its_turn(project: Project, annotator: User) -> None:
    """Its place was taken a minute before that of items which were answered meanwhile."""
    items = [make_item(project, answers_wanted=MANY) for _ in range(6)]
    answered = [answer_next(project, annotator) for _ in range(5)]
    late = make_item(project, answers_wanted=MANY)
    Item.objects.filter(pk=late.pk).update(place=place_now() - 60 * lanes.SECOND)
    assert answer_next(project, annotator) == late.pk
    assert answer_next(project, annotator) == items[5].pk
    assert late.pk not in answered


def test_whatever_came_behind_a_bookmark_is_found_in_the_end(
    project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that somebody changed by hand, or that took hours to be committed."""
    for _ in range(5):
        make_item(project, answers_wanted=MANY)
    settle()
    answer_all(project, annotator, 5)
    lost = make_item(project, answers_wanted=MANY)
    Item.objects.filter(pk=lost.pk).update(place=1)
    assert services.claim_next(project, annotator) is None
    monkeypatch.setattr(lanes, "RENEWED", -lanes.SECOND)
    assert answer_next(project, annotator) == lost.pk


def test_another_priority_comes_before_and_after(project: Project, annotator: User) -> None:
    for _ in range(5):
        make_item(project, answers_wanted=MANY)
    settle()
    answer_all(project, annotator, 5)
    lower, higher = make_item(project, priority=-3), make_item(project, priority=4)
    assert answer_all(project, annotator, 2) == [higher.pk, lower.pk]


def ask_by(item: Item, priority: int) -> None:
    """Give it another priority, as whoever changes one has to."""
    Item.objects.filter(pk=item.pk).update(priority=priority, place=place_now())


def test_an_item_moved_into_a_lane_behind_its_bookmark_is_found(
    project: Project, annotator: User
) -> None:
    moved, *others = [make_item(project, answers_wanted=MANY) for _ in range(6)]
    Item.objects.filter(pk=moved.pk).update(status=Item.Status.RETIRED, priority=-1)
    settle()
    answer_all(project, annotator, len(others))
    Item.objects.filter(pk=moved.pk).update(status=Item.Status.OPEN, priority=0, place=place_now())
    assert answer_next(project, annotator) == moved.pk


def test_a_category_opted_out_of_is_passed_until_that_is_taken_back(
    project: Project, annotator: User
) -> None:
    services.update_project(project, task_config={"harm_categories": ["violence"]})
    prompts = [make_prompt(project, category="violence") for _ in range(4)]
    unwanted = [make_item(project, prompt=prompt, answers_wanted=MANY) for prompt in prompts]
    wanted = [make_item(project, answers_wanted=MANY) for _ in range(4)]
    settle()
    services.choose_categories(project, annotator, ["violence"])
    assert answer_all(project, annotator, 4) == [item.pk for item in wanted]
    assert Bookmark.objects.get(annotator=annotator).item_id == wanted[-1].pk
    services.choose_categories(project, annotator, [])
    assert answer_all(project, annotator, 4) == [item.pk for item in unwanted]


def first_in_turn(project: Project, person: User) -> int | None:
    """The plain definition of the next item: the whole queue, less what was put to the person."""
    seen = Assignment.objects.filter(annotator=person).values("item")
    queue = Item.objects.filter(project=project).open().in_turn().exclude(pk__in=seen)
    return queue.values_list("pk", flat=True).first()


@pytest.mark.parametrize("seed", range(6))
def test_bookmarks_change_nothing_about_who_is_asked_what(
    project: Project, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """150 random steps of four people; every claim is compared with the plain definition."""
    monkeypatch.setattr(lanes, "SETTLED", 0)
    draw = random.Random(seed)
    for _ in range(10):
        make_item(project, answers_wanted=draw.choice([1, 2, 4]), priority=draw.choice([0, 1]))
    people = [make_member(project) for _ in range(4)]
    claims = 0
    for step in range(150):
        person = draw.choice(people)
        act = draw.choice(["claim"] * 6 + ["skip", "skip", "expire", "undo", "new", "item"])
        held = Assignment.objects.filter(annotator=person, status="leased")
        leased = held.first()
        if act == "claim" and held.count() >= 8:
            continue
        if act == "claim" and (wanted := first_in_turn(project, person)) is not None:
            assignment = claim(project, person)
            assert assignment.item_id == wanted
            claims += 1
            if draw.random() < 0.7:
                services.submit_answer(assignment, answer=ANSWER, submit_key=f"key{step}")
        elif act == "skip" and leased:
            services.skip(leased)
        elif act == "expire" and leased:
            expire(leased)
            services.release_stale()
        elif act == "undo":
            services.undo_last(project, person)
        elif act == "new":
            make_item(project, answers_wanted=draw.choice([1, 2, 4]), priority=draw.randrange(3))
        elif act == "item":
            item = draw.choice(list(project.items.all()))
            draw.choice(
                [
                    services.retire_item,
                    services.reopen_item,
                    services.reopen_item,
                    lambda item: ask_by(item, draw.randrange(3)),
                ]
            )(item)
    assert claims > 20
    assert Bookmark.objects.exists()
    for person in people:
        answered = Assignment.objects.filter(annotator=person, status="answered").count()
        tally = Tally.objects.filter(project=project, annotator=person).first()
        assert (tally.answered if tally else 0) == answered
