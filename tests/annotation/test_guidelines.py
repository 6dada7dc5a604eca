"""A changed guideline is read before the next item; what was judged before keeps its version."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import services
from annotation.models import Acknowledgement, Annotation, Assignment, Project
from annotation.queries_people import guideline_notice
from annotation.services.guidelines import known_version, unread_guideline
from tests.builders import make_annotation, make_item, make_member

NEXT = "/projects/demo/next/"


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


def test_whoever_begins_goes_by_what_is_in_force(project: Project, annotator: User) -> None:
    assert known_version(project, annotator) is None
    assert unread_guideline(project, annotator) is None
    assert known_version(project, annotator) == 1


def test_a_new_version_is_unread_until_it_is_acknowledged(
    project: Project, annotator: User
) -> None:
    make_annotation(make_item(project), annotator)
    second = services.new_guideline(project, "Choose the shorter one.")
    assert unread_guideline(project, annotator) == second
    services.acknowledge(project, annotator, 2)
    assert unread_guideline(project, annotator) is None
    services.new_guideline(project, "Choose the longer one.")
    assert known_version(project, annotator) == 2
    assert unread_guideline(project, annotator) is not None


def test_the_first_guideline_is_new_to_whoever_worked_without(annotator: User) -> None:
    bare = services.create_project(slug="bare", name="Bare")
    services.add_member(bare, annotator)
    make_annotation(make_item(bare), annotator)
    assert unread_guideline(bare, annotator) is None
    services.new_guideline(bare, "Now there are some.")
    assert known_version(bare, annotator) == 0
    assert unread_guideline(bare, annotator) is not None
    assert guideline_notice(bare, annotator).changes == []


def test_an_absent_version_is_not_acknowledged(project: Project, annotator: User) -> None:
    with pytest.raises(services.NotAllowed, match="no such version"):
        services.acknowledge(project, annotator, 9)


def test_the_screen_gives_the_change_in_the_place_of_the_next_item(
    project: Project, browser: Client, annotator: User
) -> None:
    for _ in range(3):
        make_item(project)
    browser.post(NEXT)
    services.new_guideline(project, "Choose the shorter, more helpful response.")
    page = browser.post(NEXT).content.decode()
    assert 'data-notice="guideline-2"' in page
    assert re.search(r"<ins>\s?shorter,\s?</ins>", page)
    assert "data-assignment" not in page
    refused = browser.post(reverse("acknowledge", args=["demo"]), {"version": "nonsense"})
    assert refused.status_code == 422
    assert browser.post(reverse("acknowledge", args=["demo"]), {"version": "2"}).status_code == 200
    assert "data-assignment" in browser.post(NEXT).content.decode()


def test_what_is_open_is_judged_by_the_acknowledged_version_and_what_is_said_keeps_its_own(
    project: Project, annotator: User
) -> None:
    said = make_annotation(make_item(project), annotator)
    make_item(project)
    held = services.claim_next(project, annotator)
    assert held is not None
    services.new_guideline(project, "Choose the shorter one.")
    services.acknowledge(project, annotator, 2)
    services.acknowledge(project, annotator, 1)  # a form that was left open: changes nothing
    held = Assignment.objects.get(pk=held.pk)
    assert held.guideline is not None
    assert held.guideline.version == 2
    answer = services.submit_answer(
        held, answer={"strength": 1, "both_bad": False}, submit_key="one"
    )
    assert [a.guideline.version for a in (said, answer) if a.guideline] == [1, 2]
    assert Annotation.objects.count() == 2


def test_nobody_acknowledges_for_somebody_else(project: Project, annotator: User) -> None:
    other = make_member(project)
    for person in (annotator, other):
        make_annotation(make_item(project), person)
    services.new_guideline(project, "Choose the shorter one.")
    services.acknowledge(project, annotator, 2)
    assert unread_guideline(project, other) is not None
    assert Acknowledgement.objects.filter(user=other, guideline__version=2).count() == 0


def test_the_api_refuses_with_a_sentence_until_it_is_acknowledged(
    project: Project, browser: Client, annotator: User
) -> None:
    make_item(project)
    address = "/api/v1/projects/demo/"
    assert browser.post(address + "next/").status_code == 200
    services.new_guideline(project, "Choose the shorter one.")
    refused = browser.post(address + "next/")
    assert refused.status_code == 409
    assert "version 2 is in force" in refused.json()["detail"]
    assert browser.get(address + "guideline/").json()["text"] == "Choose the shorter one."
    sent = {"data": {"version": 2}, "content_type": "application/json"}
    assert browser.post(address + "guideline/", **sent).status_code == 204
    assert browser.post(address + "next/").json()["guideline_version"] == 2
