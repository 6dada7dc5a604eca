"""How long a reason is at least, and until when an answer can be changed."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import services
from annotation.forms import ProjectForm
from annotation.models import Annotation, Project
from annotation.services.answers import EDIT_WINDOW
from annotation.task_types import TASK_TYPES
from tests.builders import make_annotation, make_assignment, make_item, make_member

FIRST = {"strength": 2, "both_bad": False}
SECOND = {"strength": -2, "both_bad": False}
LONG = "It names the year, and says where that is written."


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


def grow_older(by: timedelta) -> None:
    for said in Annotation.objects.all():
        Annotation.objects.filter(pk=said.pk).update(created=said.created - by)


# --- the window -----------------------------------------------------------------------------------


def test_an_answer_can_be_changed_until_the_window_ends(project: Project) -> None:
    said = make_annotation(make_item(project))
    grow_older(EDIT_WINDOW - timedelta(minutes=1))
    services.submit_answer(said.assignment, answer=SECOND, submit_key="in time")
    grow_older(EDIT_WINDOW)
    with pytest.raises(services.NotAllowed, match="more than 24 hours ago"):
        services.submit_answer(said.assignment, answer=FIRST, submit_key="late")
    newest = said.assignment.annotations.order_by("-revision")[0]
    assert (newest.revision, newest.answer) == (2, SECOND)


def test_the_same_submission_arriving_late_is_no_edit(project: Project) -> None:
    turn = make_assignment(make_item(project))
    said = services.submit_answer(turn, answer=FIRST, submit_key="one")
    grow_older(2 * EDIT_WINDOW)
    assert services.submit_answer(turn, answer=FIRST, submit_key="one") == said


def test_a_late_answer_kept_as_extra_cannot_be_changed_for_ever_either(project: Project) -> None:
    item = make_item(project)
    turn = make_assignment(item)
    services.retire_item(item)
    services.release_stale()
    turn.status, turn.slot = "expired", None
    turn.save()
    services.submit_answer(turn, answer=FIRST, submit_key="one")
    grow_older(2 * EDIT_WINDOW)
    with pytest.raises(services.NotAllowed):
        services.submit_answer(turn, answer=SECOND, submit_key="two")


def test_what_was_taken_back_is_answered_anew(project: Project, annotator: User) -> None:
    make_annotation(make_item(project), annotator)
    turn = services.undo_last(project, annotator)
    assert turn is not None
    grow_older(2 * EDIT_WINDOW)
    assert services.submit_answer(turn, answer=SECOND, submit_key="anew").revision == 3


def test_what_was_said_long_ago_is_not_taken_back(project: Project, annotator: User) -> None:
    make_annotation(make_item(project), annotator)
    grow_older(EDIT_WINDOW)
    with pytest.raises(services.NotAllowed, match="more than 24 hours ago"):
        services.undo_last(project, annotator)
    assert Annotation.objects.get().kind == Annotation.Kind.ANSWER


def test_screen_and_api_say_so(project: Project, annotator: User, browser: Client) -> None:
    said = make_annotation(make_item(project), annotator)
    grow_older(EDIT_WINDOW)
    for address, sent in (
        (f"/assignments/{said.assignment.key}/submit/", {"strength": "1", "submit_key": "late"}),
        (
            f"/api/v1/assignments/{said.assignment.key}/submit/",
            {"answer": {"strength": 1}, "submit_key": "late"},
        ),
    ):
        is_api = address.startswith("/api")
        refused = (
            browser.post(address, sent, content_type="application/json")
            if is_api
            else (browser.post(address, sent))
        )
        assert refused.status_code == 409
        assert "more than 24 hours ago" in refused.content.decode()


# --- the least length of a reason -----------------------------------------------------------------


@pytest.mark.parametrize("slug", list(TASK_TYPES))
def test_a_reason_that_is_too_short_is_refused(slug: str) -> None:
    kind = TASK_TYPES[slug]
    config = {"rationale": "required", "rationale_chars": 40}

    def errors(rationale: str, config: dict[str, object] = config) -> list[str]:
        data = kind.EXAMPLE | {"rationale": rationale}
        form = kind.AnswerForm(data, config=config, responses=kind.EXAMPLE_RESPONSES)
        form.is_valid()
        return list(form.errors.get("rationale", []))

    assert errors("  Short.   ") == ["Say why in at least 40 characters; these are 6."]
    assert errors("") == ["Say in a few words why."]
    assert errors(LONG) == []
    assert errors("Short.", {"rationale_chars": 40}) == []  # a reason is not required


def test_the_annotator_is_told_before_and_after(
    project: Project, annotator: User, browser: Client
) -> None:
    config = {"rationale": "required", "rationale_chars": 40}
    services.update_project(project, task_config=config)
    make_item(project)
    shown = browser.post("/projects/demo/next/").content.decode()
    assert "At least 40 characters" in shown
    turn = annotator.assignments.get()
    sent = {"strength": "2", "submit_key": "k", "rationale": "Because."}
    refused = browser.post(f"/assignments/{turn.key}/submit/", sent)
    assert refused.status_code == 422
    assert refused.json()["errors"]["rationale"] == [
        "Say why in at least 40 characters; these are 8."
    ]
    assert (
        browser.post(f"/assignments/{turn.key}/submit/", sent | {"rationale": LONG}).status_code
        == 200
    )


def test_a_manager_sets_it(project: Project, client: Client) -> None:
    client.force_login(make_member(project, "manager"))
    fields = {
        "name": "Demo",
        "answers_per_item": "1",
        "lease_seconds": "1800",
        "rationale_required": "on",
        "rationale_chars": "40",
    }
    assert client.post("/projects/demo/settings/", fields).status_code == 302
    project.refresh_from_db()
    assert (project.task_config["rationale"], project.task_config["rationale_chars"]) == (
        "required",
        40,
    )
    assert ProjectForm(instance=project).initial["rationale_chars"] == 40
    del fields["rationale_required"]
    refused = client.post("/projects/demo/settings/", fields)
    assert refused.status_code == 422
    assert "Only where a reason is required" in refused.content.decode()
    client.post("/projects/demo/settings/", fields | {"rationale_chars": ""})
    project.refresh_from_db()
    assert "rationale_chars" not in project.task_config
