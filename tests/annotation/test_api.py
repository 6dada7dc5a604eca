"""The REST API: what it takes and gives, whom it lets in, and that annotators stay blind."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from annotation import services
from annotation.exports import jobs
from annotation.models import Annotation, Assignment, Export, Item, Project
from annotation.task_types import TASK_TYPES
from tests.builders import (
    PASSWORD,
    make_annotation,
    make_item,
    make_member,
    make_prompt,
)

pytestmark = pytest.mark.django_db

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
HERE = "/api/v1/projects/demo"


@pytest.fixture
def api(researcher: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(researcher)
    return client


@pytest.fixture
def turn_api(annotator: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(annotator)
    return client


# --- tokens ---------------------------------------------------------------------------------------


def bearing(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return client


def test_a_token_is_shown_once_and_works_until_it_is_revoked(
    project: Project, researcher: User
) -> None:
    login = {"username": "researcher", "password": PASSWORD}
    reply = APIClient().post("/api/v1/token/", login, format="json")
    assert reply.status_code == 201
    token, key = reply.data["token"], reply.data["key"]
    client = bearing(token)
    assert client.get(f"{HERE}/prompts/").status_code == 200
    listed = client.get("/api/v1/token/")
    assert [line["key"] for line in listed.data] == [key]
    assert token not in listed.content.decode()
    assert client.delete(f"/api/v1/token/{key}/").status_code == 204
    assert client.get(f"{HERE}/prompts/").status_code == 401


def test_a_session_makes_a_token_without_a_password_but_not_without_csrf(
    researcher: User,
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(researcher)
    assert client.post("/api/v1/token/", content_type="application/json").status_code == 403
    lenient = Client()
    lenient.force_login(researcher)
    assert lenient.post("/api/v1/token/", content_type="application/json").status_code == 201


@pytest.mark.parametrize(
    "login",
    [
        {"username": "researcher", "password": "wrong"},
        {"username": "nobody", "password": PASSWORD},
    ],
)
def test_a_wrong_password_gives_no_token(login: dict[str, str], researcher: User) -> None:
    assert APIClient().post("/api/v1/token/", login, format="json").status_code == 401


def test_an_inactive_user_gets_no_token(researcher: User) -> None:
    User.objects.filter(pk=researcher.pk).update(is_active=False)
    login = {"username": "researcher", "password": PASSWORD}
    assert APIClient().post("/api/v1/token/", login, format="json").status_code == 401


def test_passwords_cannot_be_tried_without_end(researcher: User) -> None:
    login = {"username": "researcher", "password": "wrong"}
    client = APIClient()
    answers = [client.post("/api/v1/token/", login, format="json").status_code for _ in range(12)]
    assert answers[:10] == [401] * 10
    assert answers[10:] == [429] * 2


def test_nobody_revokes_another_s_token(researcher: User, api: APIClient) -> None:
    other = make_member(Project.objects.get(slug="demo"))
    token, _ = services.tokens.add_token(other)
    assert api.delete(f"/api/v1/token/{token.token_key}/").status_code == 404


# --- prompts and items --------------------------------------------------------------------------


def test_a_prompt_is_added_once(project: Project, api: APIClient) -> None:
    body = {"messages": MESSAGES, "category": "science", "external_id": "q1"}
    first = api.post(f"{HERE}/prompts/", body, format="json")
    second = api.post(f"{HERE}/prompts/", body, format="json")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.data == second.data
    assert first.data["messages"] == MESSAGES
    assert first.data["split"] in ("train", "test")
    assert project.prompts.count() == 1


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "messages"),
        ("Why?", "messages"),
        ([{"role": "user"}], "messages"),
        ([{"role": "robot", "content": "x"}], "messages"),
        ([{"role": "assistant", "content": "x"}], "messages"),
        ([{"role": "user", "content": "a\x00b"}], "messages"),
        ([{"role": "user", "content": "\ud800"}], "detail"),
    ],
)
def test_a_bad_prompt_is_refused_by_field(
    messages: Any, field: str, project: Project, api: APIClient
) -> None:
    reply = api.post(
        f"{HERE}/prompts/", json.dumps({"messages": messages}), content_type="application/json"
    )
    assert reply.status_code == 400
    assert list(reply.data) == [field]


def item_body(*texts: str, **more: Any) -> dict[str, Any]:
    responses = [{"text": text, "source": f"model_{n}"} for n, text in enumerate(texts)]
    return {"prompt": {"messages": MESSAGES}, "responses": responses} | more


def test_an_item_is_asked_once_in_whatever_order(project: Project, api: APIClient) -> None:
    first = api.post(f"{HERE}/items/", item_body("a", "b", priority=5), format="json")
    second = api.post(f"{HERE}/items/", item_body("b", "a"), format="json")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.data["id"] == second.data["id"]
    assert [r["source"] for r in first.data["responses"]] == ["model_0", "model_1"]
    item = Item.objects.get()
    assert (item.origin, item.priority, item.open_slots) == (Item.Origin.API, 5, 1)


def test_an_item_goes_into_the_batch_that_is_named(project: Project, api: APIClient) -> None:
    person = make_member(project)
    named = services.add_batch(project, "Pilot", priority=7, people=[person])
    asked = api.post(f"{HERE}/items/", item_body("a", "b", batch="Pilot"), format="json")
    assert (asked.data["batch"], asked.data["priority"]) == ("Pilot", 7)
    assert services.claim_next(project, make_member(project)) is None
    turn = services.claim_next(project, person)
    assert turn is not None
    assert turn.item.named_batch == named
    new = api.post(f"{HERE}/items/", item_body("c", "d", batch="Main"), format="json")
    assert new.data["batch"] == "Main"
    assert not project.batches.get(name="Main").is_named
    loose = api.post(f"{HERE}/items/", item_body("e", "f", priority=3), format="json")
    assert (loose.data["batch"], loose.data["priority"]) == (None, 3)
    services.pause_batch(named)
    waiting = api.post(f"{HERE}/items/", item_body("g", "h", batch="Pilot"), format="json")
    assert waiting.data["status"] == "paused"
    refused = api.post(f"{HERE}/items/", item_body("a", "b", "c", batch="New"), format="json")
    assert refused.status_code == 400
    assert not project.batches.filter(name="New").exists()


def test_an_item_that_is_there_goes_into_a_batch_once(project: Project, api: APIClient) -> None:
    loose = api.post(f"{HERE}/items/", item_body("a", "b"), format="json")
    assert loose.data["batch"] is None
    for name in ("Pilot", "Pilot", "Other"):
        again = api.post(f"{HERE}/items/", item_body("a", "b", batch=name), format="json")
        assert (again.status_code, again.data["batch"]) == (200, "Pilot")
    assert [batch.name for batch in project.batches.all()] == ["Pilot"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (item_body("a"), "responses"),
        (item_body("a", "b", batch=""), "batch"),
        (item_body("a", "b", batch="x" * 101), "batch"),
        (item_body("a", "b", batch="a\x00b"), "batch"),
        (item_body("a", "a "), "responses"),
        (item_body("a", "b", "c"), "responses"),
        (item_body("a", "b", task_type="essay"), "task_type"),
        (item_body("a", "b", answers_wanted=0), "answers_wanted"),
        (item_body("a", "b", priority=2**40), "priority"),
        ({"responses": item_body("a", "b")["responses"]}, "prompt"),
        (item_body("a", " "), "responses"),
    ],
)
def test_a_bad_item_is_refused_by_field(
    body: dict[str, Any], field: str, project: Project, api: APIClient
) -> None:
    reply = api.post(f"{HERE}/items/", body, format="json")
    assert reply.status_code == 400
    assert list(reply.data) == [field]
    assert not Item.objects.exists()


def test_pages_lose_and_double_nothing_while_rows_are_added(
    project: Project, api: APIClient
) -> None:
    prompts = [make_prompt(project).pk for _ in range(25)]
    seen: list[int] = []
    address: str | None = f"{HERE}/prompts/?page_size=10"
    while address:
        page = api.get(address).data
        seen += [row["id"] for row in page["results"]]
        make_prompt(project)  # comes first, before what was read already
        address = page["next"]
    assert seen == prompts[::-1]


def test_items_are_listed_in_few_queries(
    project: Project, api: APIClient, django_assert_max_num_queries: Any
) -> None:
    for _ in range(12):
        make_item(project)
    with django_assert_max_num_queries(6):
        assert len(api.get(f"{HERE}/items/").data["results"]) == 12


# --- annotations ----------------------------------------------------------------------------------


def test_annotations_are_listed_with_every_revision_under_pseudonyms(
    project: Project, api: APIClient
) -> None:
    annotator = make_member(project, username="alice_liddell")
    annotation = make_annotation(make_item(project), annotator, rationale="first thought")
    services.submit_answer(
        annotation.assignment, answer={"strength": -1, "both_bad": False}, submit_key="second"
    )
    reply = api.get(f"{HERE}/annotations/")
    newer, older = reply.data["results"]
    assert (newer["revision"], newer["is_current"]) == (2, True)
    assert (older["revision"], older["is_current"]) == (1, False)
    assert older["rationale"] == "first thought"
    assert newer["annotator"] == older["annotator"]
    assert "alice" not in reply.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_annotations_cannot_be_written(method: str, project: Project, api: APIClient) -> None:
    assert getattr(api, method)(f"{HERE}/annotations/", {}, format="json").status_code == 405


# --- exports --------------------------------------------------------------------------------------


def test_an_export_is_ordered_written_and_downloaded(project: Project, api: APIClient) -> None:
    make_annotation(make_item(project, ["good", "bad"]))
    body = {"format": "trl_preference", "filters": {"rounds": [0]}}
    ordered = api.post(f"{HERE}/exports/", body, format="json")
    assert (ordered.status_code, ordered.data["status"]) == (202, "queued")
    address = f"{HERE}/exports/{ordered.data['id']}/"
    assert api.get(f"{address}download/").status_code == 404
    jobs.carry_out(ordered.data["id"])
    done = api.get(address).data
    assert (done["status"], done["row_count"]) == ("finished", 1)
    reply = api.get(f"{address}download/")
    row = json.loads(b"".join(reply.streaming_content))
    assert row["chosen"] == [{"role": "assistant", "content": "good"}]
    assert "attachment" in reply["Content-Disposition"]
    manifest = api.get(f"{address}download/?part=manifest")
    assert json.loads(b"".join(manifest.streaming_content)) == done["manifest"]
    path = jobs.file_path(Export.objects.get())
    assert api.delete(address).status_code == 204
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"format": "csv"}, "format"),
        ({"format": "raw", "suffix": "xlsx"}, "suffix"),
        ({"format": "raw", "split": "validation"}, "split"),
        ({"format": "raw", "filters": {"origins": ["moon"]}}, "filters"),
        ({"format": "raw", "filters": {"since": "yesterday"}}, "filters"),
        ({"format": "raw", "filters": {"batch": "b"}}, "filters"),
        ({"format": "raw", "labels": "majority"}, "labels"),
    ],
)
def test_a_bad_export_is_refused_by_field(
    body: dict[str, Any], field: str, project: Project, api: APIClient
) -> None:
    reply = api.post(f"{HERE}/exports/", body, format="json")
    assert (reply.status_code, list(reply.data)) == (400, [field])


def test_a_batch_is_exported_alone(project: Project, api: APIClient) -> None:
    for name in ("first", "second"):
        batch = services.add_batch(project, name)
        make_annotation(make_item(project, named_batch=batch))
    body = {"format": "raw", "filters": {"batches": ["second"]}}
    ordered = api.post(f"{HERE}/exports/", body, format="json")
    assert (ordered.status_code, ordered.data["filters"]) == (202, {"batches": ["second"]})
    jobs.carry_out(ordered.data["id"])
    assert Export.objects.get().row_count == 1


def test_an_export_of_another_project_does_not_exist(
    project: Project, project_elsewhere: Project, api: APIClient
) -> None:
    export = jobs.add_export(project_elsewhere, "raw")
    for address in (f"{HERE}/exports/{export.pk}/", f"{HERE}/exports/{export.pk}/download/"):
        assert api.get(address).status_code == 404


# --- the annotator's turn -------------------------------------------------------------------------


def test_a_turn_is_blind_and_stays_until_it_is_answered(
    project: Project, turn_api: APIClient
) -> None:
    item = make_item(project, ["first text", "second text"], sources=["canary_a", "canary_b"])
    first = turn_api.post(f"{HERE}/next/")
    second = turn_api.post(f"{HERE}/next/")
    assert first.data["assignment"] == second.data["assignment"]
    body = first.content.decode()
    hidden = ["canary", "source", '"id"', "origin", "round", item.key]
    assert not [word for word in hidden if word in body]
    order = Assignment.objects.get().display_order
    texts = [["first text", "second text"][index] for index in order]
    assert [r["text"] for r in first.data["responses"]] == texts


def test_an_answer_is_kept_in_canonical_order_once(project: Project, turn_api: APIClient) -> None:
    make_item(project)
    turn = turn_api.post(f"{HERE}/next/").data
    address = f"/api/v1/assignments/{turn['assignment']}/submit/"
    body = {"answer": {"strength": 3}, "rationale": "A is right.", "submit_key": "k1"}
    replies = [turn_api.post(address, body, format="json") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 201]
    annotation = Annotation.objects.get()
    first_shown = annotation.assignment.display_order[0]
    assert annotation.answer == {"strength": 3 if first_shown == 0 else -3, "both_bad": False}
    assert turn_api.post(f"{HERE}/next/").status_code == 204
    other = body | {"answer": {"strength": -3}}
    assert turn_api.post(address, other, format="json").status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"answer": {}, "submit_key": "k"}, "strength"),
        ({"answer": {"strength": 9}, "submit_key": "k"}, "strength"),
        ({"answer": {"strength": 1}}, "submit_key"),
        ({"answer": [1], "submit_key": "k"}, "answer"),
        ({"answer": {"strength": 1}, "submit_key": "k", "seconds": -1}, "seconds"),
        ({"answer": {"strength": 1}, "submit_key": "a\x00"}, "submit_key"),
        ({"answer": {"strength": 1, "dimensions": {}}, "submit_key": "k"}, "dimensions"),
        ({"answer": {"strength": 1}, "submit_key": "k", "reason": "so"}, "reason"),
    ],
)
def test_a_bad_answer_is_refused_by_field(
    body: dict[str, Any], field: str, project: Project, turn_api: APIClient
) -> None:
    make_item(project)
    turn = turn_api.post(f"{HERE}/next/").data
    address = f"/api/v1/assignments/{turn['assignment']}/submit/"
    reply = turn_api.post(address, body, format="json")
    assert (reply.status_code, list(reply.data)) == (400, [field])
    assert not Annotation.objects.exists()


def test_another_s_assignment_does_not_exist(project: Project, turn_api: APIClient) -> None:
    make_item(project)
    turn = turn_api.post(f"{HERE}/next/").data
    other = APIClient()
    other.force_authenticate(make_member(project))
    body = {"answer": {"strength": 1}, "submit_key": "k"}
    address = f"/api/v1/assignments/{turn['assignment']}/submit/"
    assert other.post(address, body, format="json").status_code == 404


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_every_task_type_is_asked_answered_and_exported_through_the_api(
    slug: str, project: Project, api: APIClient, turn_api: APIClient
) -> None:
    kind = TASK_TYPES[slug]
    texts = [f"text {number}" for number in range(kind.EXAMPLE_RESPONSES)]
    asked = api.post(f"{HERE}/items/", item_body(*texts, task_type=slug), format="json")
    assert asked.status_code == 201, asked.data
    assert [response["text"] for response in asked.data["responses"]] == texts

    turn = turn_api.post(f"{HERE}/next/").data
    order = Assignment.objects.get().display_order
    assert turn["task_type"] == slug
    assert [shown["text"] for shown in turn["responses"]] == [texts[index] for index in order]
    rationale = "Because I say so."
    body = {"answer": kind.EXAMPLE, "rationale": rationale, "submit_key": "k", "seconds": 3.5}
    address = f"/api/v1/assignments/{turn['assignment']}/submit/"
    sent = turn_api.post(address, body, format="json")
    assert sent.status_code == 201, sent.data

    form = kind.AnswerForm(kind.EXAMPLE, responses=kind.EXAMPLE_RESPONSES)
    assert form.is_valid(), form.errors
    meant = kind.to_canonical(form.cleaned_data, order)
    (kept,) = api.get(f"{HERE}/annotations/").data["results"]
    assert kind.to_display(kept["answer"], order) == kind.to_display(meant, order)
    assert (kept["rationale"], kept["is_current"]) == (rationale, True)
    assert (kept["seconds"], kept["display_order"]) == (3.5, order)

    export = api.post(f"{HERE}/exports/", {"format": "raw"}, format="json").data
    jobs.carry_out(export["id"])
    file = api.get(f"{HERE}/exports/{export['id']}/download/")
    row = json.loads(b"".join(file.streaming_content))
    assert json.loads(row["answer"]) == kept["answer"]
    assert (row["item"], row["annotation"]) == (asked.data["id"], kept["id"])
    assert (row["annotator"], row["task_type"]) == (kept["annotator"], slug)
    assert [response["text"] for response in row["responses"]] == texts
    assert row["preferences"] or row["unpaired"] or row["demonstrations"]


# --- all of it ------------------------------------------------------------------------------------


def test_only_json_is_taken(project: Project, api: APIClient) -> None:
    reply = api.post(f"{HERE}/prompts/", "a=1", content_type="application/x-www-form-urlencoded")
    assert reply.status_code == 415


@pytest.mark.parametrize("body", ["{", "[]", "null", '"x"', "[" * 100_000, '{"messages": 1e999}'])
def test_a_broken_body_is_refused(body: str, project: Project, api: APIClient) -> None:
    reply = api.post(f"{HERE}/prompts/", body, content_type="application/json")
    assert reply.status_code == 400


def test_a_huge_body_is_refused(project: Project, api: APIClient) -> None:
    body = '{"messages": [{"role": "user", "content": "' + "x" * 6 * 2**20 + '"}]}'
    reply = api.post(f"{HERE}/prompts/", body, content_type="application/json")
    assert reply.status_code == 400


def test_the_schema_is_valid_and_declares_the_errors(client: Client, tmp_path: Any) -> None:
    file = tmp_path / "schema.json"
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--format=openapi-json", f"--file={file}"
    )
    schema = json.loads(file.read_text())
    assert client.get("/api/schema/").json() == schema
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            declared = set(operation["responses"])
            assert declared >= {"400", "401", "403", "404", "429"}, f"{method} {path}"
    submit = schema["paths"]["/api/v1/assignments/{key}/submit/"]["post"]
    examples = submit["requestBody"]["content"]["application/json"]["examples"].values()
    shown = {example["summary"]: example["value"]["answer"] for example in examples}
    for kind in TASK_TYPES.values():
        assert shown[kind.LABEL].items() <= kind.EXAMPLE.items()
        assert kind.AnswerForm(shown[kind.LABEL], responses=kind.EXAMPLE_RESPONSES).is_valid()
