"""How much one person may answer, and what is said to who has reached it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import services
from annotation.models import Annotation, Membership, Project, Tally
from annotation.queries_me import my_page
from annotation.services import answers, limits
from annotation.services.claims import claim_item
from tests.builders import make_item, make_member, make_project

ANSWER = {"strength": 1, "both_bad": False}
NEXT = "/projects/demo/next/"


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


def answer_next(project: Project, person: User) -> None:
    turn = services.claim_turn(project, person)
    assert turn is not None
    services.submit_answer(turn, answer=ANSWER, submit_key="k")


def ask(project: Project, count: int, **fields: int) -> None:
    for _ in range(count):
        make_item(project, answers_wanted=fields.get("wanted", 5))


def test_the_daily_limit_ends_the_day(project: Project, annotator: User) -> None:
    services.set_flow_policy(project, daily_limit=2)
    ask(project, 4)
    for _ in range(2):
        answer_next(project, annotator)
    with pytest.raises(services.LimitReached, match="You have done today’s 2."):
        services.claim_turn(project, annotator)
    yesterday = timezone.localdate() - timedelta(days=1)
    Tally.objects.update(day=yesterday)
    answer_next(project, annotator)
    tally = Tally.objects.get()
    assert (tally.answered, tally.today, tally.day) == (3, 1, timezone.localdate())


def test_what_is_held_counts_so_that_tabs_cannot_go_past_it(
    project: Project, annotator: User
) -> None:
    services.set_flow_policy(project, daily_limit=2)
    ask(project, 4)
    assert services.claim_turn(project, annotator) is not None
    assert services.claim_turn(project, annotator) is not None
    with pytest.raises(services.LimitReached):
        services.claim_turn(project, annotator)


def test_what_is_taken_back_can_be_given_again(project: Project, annotator: User) -> None:
    services.set_flow_policy(project, daily_limit=2)
    ask(project, 4)
    for _ in range(2):
        answer_next(project, annotator)
    turn = services.undo_last(project, annotator)
    assert turn is not None
    assert Tally.objects.get().today == 1
    services.submit_answer(turn, answer=ANSWER, submit_key="again")
    assert Tally.objects.get().today == 2


def test_an_answer_of_yesterday_that_is_taken_back_is_none_of_today(
    project: Project, annotator: User
) -> None:
    ask(project, 1)
    answer_next(project, annotator)
    Tally.objects.update(day=timezone.localdate() - timedelta(days=1))
    services.undo_last(project, annotator)
    tally = Tally.objects.get()
    assert (tally.answered, tally.today) == (0, 0)


def test_nor_is_it_where_today_has_answers_of_its_own(
    project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "EDIT_WINDOW", timedelta(days=2))
    ask(project, 1)
    answer_next(project, annotator)
    Annotation.objects.update(created=timezone.now() - timedelta(days=1))
    Tally.objects.update(answered=3, today=2)
    services.undo_last(project, annotator)
    tally = Tally.objects.get()
    assert (tally.answered, tally.today, tally.day) == (2, 2, timezone.localdate())


def test_the_total_limit_is_of_all_days(project: Project, annotator: User) -> None:
    services.set_flow_policy(project, total_limit=2)
    ask(project, 4)
    answer_next(project, annotator)
    Tally.objects.update(day=timezone.localdate() - timedelta(days=9))
    answer_next(project, annotator)
    with pytest.raises(services.LimitReached, match="all 2 answers"):
        services.claim_turn(project, annotator)


def test_nobody_gives_more_than_their_share(
    project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FREE_ANSWERS", 2)
    services.set_flow_policy(project, share_cap=0.5)
    ask(project, 8)
    for _ in range(2):
        answer_next(project, annotator)
    with pytest.raises(services.LimitReached, match="2 of the project’s 2 answers"):
        services.claim_turn(project, annotator)
    other = make_member(project)
    for _ in range(2):
        answer_next(project, other)
    with pytest.raises(services.LimitReached):  # 2 of 4 are the half
        services.claim_turn(project, annotator)
    third = make_member(project)
    for _ in range(2):
        answer_next(project, third)
    answer_next(project, annotator)  # then 3 of 7


def test_a_member_can_have_other_limits(project: Project, annotator: User) -> None:
    services.set_flow_policy(project, daily_limit=1)
    ask(project, 4)
    answer_next(project, annotator)
    services.set_member_limits(project, annotator, daily_limit=0, total_limit=3)
    for _ in range(2):
        answer_next(project, annotator)
    with pytest.raises(services.LimitReached, match="all 3 answers"):
        services.claim_turn(project, annotator)
    services.set_member_limits(project, annotator, daily_limit=None, total_limit=None)
    with pytest.raises(services.LimitReached, match="today’s 1"):
        services.claim_turn(project, annotator)


def test_limits_of_a_member_alone_hold(project: Project, annotator: User) -> None:
    ask(project, 2)
    services.set_member_limits(project, annotator, daily_limit=1, total_limit=None)
    answer_next(project, annotator)
    with pytest.raises(services.LimitReached):
        services.claim_turn(project, annotator)
    assert services.claim_turn(project, make_member(project)) is not None


def test_gold_counts_like_any_other_item(project: Project, annotator: User) -> None:
    services.set_flow_policy(project, daily_limit=1)
    ask(project, 1)
    gold = services.make_gold(make_item(project), kind="hidden", answer=ANSWER, reason="Because.")
    turn = claim_item(gold.item, annotator)
    assert turn is not None
    services.submit_answer(turn, answer=ANSWER, submit_key="k")
    with pytest.raises(services.LimitReached):
        services.claim_turn(project, annotator)


def test_the_empty_screen_says_it_and_what_is_held_can_be_ended(
    project: Project, annotator: User, browser: Client
) -> None:
    services.set_flow_policy(project, daily_limit=1)
    ask(project, 2)
    shown = browser.post(NEXT).content.decode()
    assert "data-assignment" in shown
    held = annotator.assignments.get()
    limit = browser.post(NEXT, {"held": str(held.key)})
    assert limit.status_code == 200
    assert "You have done today’s 1. Tomorrow there is more." in limit.content.decode()
    assert "data-assignment" in browser.post(NEXT).content.decode()


def test_the_api_says_it(project: Project, annotator: User, browser: Client) -> None:
    services.set_flow_policy(project, daily_limit=1)
    ask(project, 2)
    answer_next(project, annotator)
    refused = browser.post("/api/v1/projects/demo/next/")
    assert refused.status_code == 409
    assert "today’s 1" in refused.content.decode()


def test_your_work_says_how_far_you_are(project: Project, annotator: User, browser: Client) -> None:
    page = browser.get("/projects/demo/me/").content.decode()
    assert "at most" not in page
    services.set_flow_policy(project, daily_limit=2, total_limit=9)
    ask(project, 2)
    answer_next(project, annotator)
    page = browser.get("/projects/demo/me/").content.decode()
    assert "Today: 1 of at most 2 answers." in page
    assert "In all: 1 of at most 9." in page
    answer_next(project, annotator)
    project.refresh_from_db()
    assert "You have done today’s 2." in browser.get("/projects/demo/me/").content.decode()
    now = my_page(project, annotator).standing
    assert now is not None
    assert (now.today, now.done) == (2, 2)


def test_a_manager_sets_limits_on_the_persons_page(
    project: Project, annotator: User, manager: User, client: Client
) -> None:
    client.force_login(manager)
    address = f"/projects/demo/people/{annotator.pk}/limits/"
    client.post(address, {"daily_limit": "40", "total_limit": ""})
    member = Membership.objects.get(user=annotator)
    assert (member.daily_limit, member.total_limit) == (40, None)
    told = client.get(f"/projects/demo/people/{annotator.pk}/").content.decode()
    assert 'value="40"' in told
    refused = client.post(address, {"daily_limit": "-1"}, follow=True).content.decode()
    assert "Answers a day: write a whole number from 0 on, or nothing." in refused
    member.refresh_from_db()
    assert member.daily_limit == 40


def test_nobody_without_membership_is_given_limits(project: Project) -> None:
    stranger = make_member(make_project())
    with pytest.raises(services.NotAllowed):
        services.set_member_limits(project, stranger, daily_limit=1, total_limit=None)


@pytest.mark.parametrize(("fields", "more"), [({}, 0), ({"daily_limit": 9}, 1)])
def test_a_limit_costs_one_query_and_none_where_there_is_none(
    project: Project, annotator: User, fields: dict[str, int], more: int
) -> None:
    services.set_flow_policy(project, **fields)
    ask(project, 4)
    with CaptureQueriesContext(connection) as plain:
        services.claim_next(project, annotator)
    with CaptureQueriesContext(connection) as limited:
        limits.require_below_limits(project, annotator)
    assert len(limited) == more
    assert len(plain) > 0
