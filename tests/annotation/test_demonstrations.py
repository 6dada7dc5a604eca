"""Items about a prompt alone, wherever they come from and go to; the preview of what is written."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from annotation import services
from annotation.exports import raw
from annotation.exports.rows import groups, judged_items
from annotation.imports.jobs import import_file
from annotation.models import Annotation, Assignment, Item, Project
from annotation.services.leases import MAX_DRAFT_CHARS
from tests.builders import (
    make_annotation,
    make_assignment,
    make_item,
    make_member,
    make_project,
    make_prompt,
)

pytestmark = pytest.mark.django_db

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture
def written(db: None) -> Project:
    return make_project("written", task_type="demonstration", answers_per_item=2)


@pytest.fixture
def writer(written: Project) -> User:
    return make_member(written)


@pytest.fixture
def browser(client: Client, writer: User) -> Client:
    client.force_login(writer)
    return client


def make_blank(project: Project) -> Item:
    item = services.queue_item(project, make_prompt(project), [], key="blank")
    assert item is not None
    return item


# --- the screen's doors ---------------------------------------------------------------------------


def test_the_screen_asks_about_a_prompt_alone(
    written: Project, writer: User, browser: Client
) -> None:
    make_blank(written)
    page = browser.post(reverse("next_item", args=["written"])).content.decode()
    assert 'name="text"' in page
    assert 'class="response"' not in page
    key = Assignment.objects.get(annotator=writer).key
    sent = {"text": "Because of\r\nRayleigh.", "edited": "", "submit_key": "1"}
    assert browser.post(reverse("submit", args=[key]), sent).status_code == 200
    said = Annotation.objects.get()
    assert said.answer == {"text": "Because of\nRayleigh.", "edited": None}
    undone = browser.post(reverse("undo", args=["written"])).content.decode()
    assert "Because of\nRayleigh.</textarea>" in undone


def test_a_long_text_is_kept_as_a_draft(written: Project, writer: User, browser: Client) -> None:
    turn = make_assignment(make_blank(written), writer)
    text = "A line, with “quotes”.\n" * 4_000  # 92,000 characters
    sent = {"draft": json.dumps({"text": [text], "edited": [""]}), "version": "1"}
    assert browser.post(reverse("draft", args=[turn.key]), sent).status_code == 200
    turn.refresh_from_db()
    assert turn.draft == {"text": [text], "edited": [""]}
    sent = {"draft": json.dumps({"text": ["x" * (MAX_DRAFT_CHARS + 1)]}), "version": "2"}
    refused = browser.post(reverse("draft", args=[turn.key]), sent)
    assert refused.status_code == 422
    assert "at most 200000 characters" in refused.content.decode()


# --- the preview ----------------------------------------------------------------------------------


def preview(browser: Client, turn: Assignment, **sent: str) -> Any:
    return browser.post(reverse("preview", args=[turn.key]), sent)


def test_the_preview_is_rendered_by_the_one_safe_renderer(
    written: Project, writer: User, browser: Client
) -> None:
    turn = make_assignment(make_blank(written), writer)
    page = preview(browser, turn, text="**Bold** <script>alert(1)</script>").content.decode()
    assert "<strong>Bold</strong>" in page
    assert "<script" not in page


def test_the_changes_are_those_of_the_response_at_that_place(
    written: Project, writer: User, browser: Client
) -> None:
    turn = make_assignment(make_item(written, ["The <b>cat</b> sat.", "No dogs here."]), writer)
    turn.display_order = [1, 0]
    turn.save(update_fields=["display_order"])
    page = preview(browser, turn, text="The <b>dog</b> sat.", edited="1").content.decode()
    assert "The &lt;b&gt;<del>cat</del><ins>dog</ins>&lt;/b&gt; sat." in page


def test_a_preview_is_bounded_and_knows_its_responses(
    written: Project, writer: User, browser: Client
) -> None:
    turn = make_assignment(make_item(written, ["one", "two"]), writer)
    assert preview(browser, turn, text="x" * (MAX_DRAFT_CHARS + 1)).status_code == 422
    assert preview(browser, turn, text="x", edited="2").status_code == 422
    assert preview(browser, turn, text="x", edited="-1").status_code == 422


def test_nobody_previews_on_the_turn_of_another(written: Project, browser: Client) -> None:
    turn = make_assignment(make_blank(written))
    assert preview(browser, turn, text="x").status_code == 404


# --- where such items come from -------------------------------------------------------------------


@pytest.fixture
def api(written: Project) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_member(written, "researcher"))
    return client


def test_the_api_takes_an_item_without_responses_where_the_task_type_does(
    written: Project, api: APIClient
) -> None:
    address = "/api/v1/projects/written/items/"
    sent: dict[str, Any] = {"prompt": {"messages": MESSAGES}, "responses": []}
    made = api.post(address, sent, format="json")
    assert made.status_code == 201, made.data
    assert made.data["responses"] == []
    del sent["responses"]
    assert api.post(address, sent, format="json").status_code == 200
    assert Item.objects.count() == 1
    refused = api.post(address, sent | {"task_type": "pairwise"}, format="json")
    assert refused.status_code == 400
    assert refused.data == {
        "responses": ["Pairwise comparison asks about 2 responses, not about 0."]
    }


def test_the_api_asks_and_takes_a_demonstration(written: Project, writer: User) -> None:
    make_blank(written)
    client = APIClient()
    client.force_authenticate(writer)
    turn = client.post("/api/v1/projects/written/next/").data
    assert turn["responses"] == []
    address = f"/api/v1/assignments/{turn['assignment']}/submit/"
    sent = {"answer": {"text": "Mine."}, "submit_key": "1"}
    assert client.post(address, sent, format="json").status_code == 201
    assert Annotation.objects.get().answer == {"text": "Mine.", "edited": None}


def write_prompts(folder: Path, *texts: str) -> Path:
    file = folder / "prompts.jsonl"
    file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    return file


def test_prompts_read_into_a_project_of_demonstrations_are_asked_at_once(
    written: Project, tmp_path: Path
) -> None:
    known = make_prompt(written, "two")
    file = write_prompts(tmp_path, "one", "two", "one")
    job = import_file(written, "prompts", "prompts", file)
    assert (job.prompt_count, job.item_count, job.known_count) == (1, 2, 1)
    assert known.items.count() == 1
    for item in Item.objects.all():
        assert (item.task_type, item.status, item.origin) == ("demonstration", "open", "import")
        assert (item.answers_wanted, item.open_slots, item.answer_count) == (2, 2, 0)
        assert make_assignment(item).display_order == []
    again = import_file(written, "prompts", "prompts", file)
    assert (again.prompt_count, again.item_count, again.known_count) == (0, 0, 3)
    assert Item.objects.count() == 2


def test_prompts_read_into_another_project_ask_nothing_yet(
    project: Project, tmp_path: Path
) -> None:
    job = import_file(project, "prompts", "prompts", write_prompts(tmp_path, "one"))
    assert (job.prompt_count, job.item_count) == (1, 0)
    assert Item.objects.count() == 0


# --- where their answers go -----------------------------------------------------------------------


def test_a_demonstration_is_exported_with_its_diff_and_trains_no_preference(
    written: Project,
) -> None:
    make_annotation(make_blank(written), answer={"text": "Mine.", "edited": None})
    edited = make_item(written, ["The cat sat."])
    make_annotation(edited, answer={"text": "The dog sat.", "edited": 0})
    judged = list(judged_items(written))
    assert [each.demonstrations_of(each.answers[0])[0].text for each in judged] == [
        "Mine.",
        "The dog sat.",
    ]
    counts: Counter[str] = Counter()
    rows = list(raw.rows(judged, counts))
    assert [json.loads(row["answer"]) for row in rows] == [
        {"text": "Mine.", "edited": None},
        {"text": "The dog sat.", "edited": 0, "diff": [4, -3, "dog", 5]},
    ]
    assert [row["responses"] for row in rows][0] == []
    assert [row["display_order"] for row in rows] == [[], [0]]
    assert list(groups(written)) == []
