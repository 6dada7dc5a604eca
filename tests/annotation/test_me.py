"""The annotator's own page: right figures, own past answers, nothing that tells hidden gold."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import services
from annotation.models import Annotation, Assignment, Project
from annotation.queries_me import monday, my_page
from annotation.services.answers import EDIT_WINDOW
from annotation.services.claims import claim_item
from tests.builders import make_annotation, make_assignment, make_item, make_member, make_prompt

FIRST = {"strength": 2, "both_bad": False}
SECOND = {"strength": -1, "both_bad": False}
PAGE = "/projects/demo/me/"


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


def a_week_ago() -> None:
    """Let everything said so far be older than this week."""
    Annotation.objects.update(created=monday() - timedelta(hours=1))


def test_a_week_begins_on_monday() -> None:
    assert monday(datetime(2026, 11, 26, 15, tzinfo=UTC)).isoformat()[:10] == "2026-11-23"
    assert monday(datetime(2026, 11, 23, 0, 1, tzinfo=UTC)).isoformat()[:10] == "2026-11-23"


def test_work_is_counted_with_its_focused_time(project: Project, annotator: User) -> None:
    for _ in range(3):
        make_annotation(make_item(project), annotator)
    make_annotation(make_item(project))
    Assignment.objects.filter(annotator=annotator).update(active_seconds=60.0)
    page = my_page(project, annotator)
    assert (page.total.done, page.total.minutes, page.total.pace) == (3, 3, 60.0)
    a_week_ago()
    page = my_page(project, annotator)
    assert (page.this_week.done, page.last_week.done, page.total.done) == (0, 3, 3)


def test_agreement_with_others_is_counted_by_item_up_to_monday(
    project: Project, annotator: User
) -> None:
    """Three items, two others each: both alike, one alike, none alike make 3 of 6."""
    for alike in (2, 1, 0):
        item = make_item(project, answers_wanted=3)
        make_annotation(item, annotator, strength=2)
        for number in range(2):
            make_annotation(item, strength=1 if number < alike else -1)
    assert my_page(project, annotator).with_peers.n == 0
    a_week_ago()
    peers = my_page(project, annotator).with_peers
    assert (peers.rate, peers.n, peers.clusters) == (0.5, 6, 3)


def test_hidden_gold_moves_no_figure_of_this_week(project: Project, annotator: User) -> None:
    gold = services.make_gold(make_item(project), kind="hidden", answer=FIRST, reason="Because.")
    turn = claim_item(gold.item, annotator)
    assert turn is not None
    services.submit_answer(turn, answer=SECOND, submit_key="k")
    page = my_page(project, annotator)
    assert page.with_researchers.seen == 0
    assert page.explained == []
    a_week_ago()
    page = my_page(project, annotator)
    assert (page.with_researchers.agreed, page.with_researchers.seen) == (0, 1)
    assert page.explained == []


def test_what_is_said_skipped_and_begun_is_listed(
    project: Project, browser: Client, annotator: User, manager: User
) -> None:
    make_annotation(
        make_item(project, prompt=make_prompt(project, "Answered?")), annotator, rationale="Short."
    )
    skipped = make_assignment(
        make_item(project, prompt=make_prompt(project, "Skipped?")), annotator
    )
    services.skip(skipped, "Broken")
    begun = make_assignment(make_item(project, prompt=make_prompt(project, "Begun?")), annotator)
    services.save_draft(begun, {"rationale": ["half"]}, 1)
    services.comment(project, annotator, manager, "Well done.")
    page = browser.get(PAGE).content.decode()
    for text in ("Answered?", "Short.", "Skipped?", "Broken", "Begun?", "Well done."):
        assert text in page
    assert "Answered?" not in Client().get(PAGE).content.decode()


def test_an_own_answer_is_opened_again_and_changed_for_a_day(
    project: Project, browser: Client, annotator: User
) -> None:
    said = make_annotation(make_item(project), annotator)
    key = str(said.assignment.key)
    following = reverse("next_item", args=["demo"])
    assert f"?change={key}" in browser.get(PAGE).content.decode()
    assert key in browser.post(following, {"change": key}).content.decode()
    sent = {"strength": "-3", "submit_key": "edit"}
    assert browser.post(reverse("submit", args=[key]), sent).status_code == 200
    assert [each.revision for each in said.assignment.annotations.all()] == [1, 2]
    Annotation.objects.update(created=said.created - EDIT_WINDOW)
    assert "?change=" not in browser.get(PAGE).content.decode()
    assert browser.post(following, {"change": key}).status_code == 204


def test_somebody_elses_answer_is_not_opened(project: Project, browser: Client) -> None:
    key = str(make_annotation(make_item(project), make_member(project)).assignment.key)
    following = reverse("next_item", args=["demo"])
    for wanted in (key, "nonsense"):
        assert browser.post(following, {"change": wanted}).status_code == 204
