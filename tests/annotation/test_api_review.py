"""The reviewer's side of the API: what is disputed, one item, verdicts."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from annotation import queries_review, services
from annotation.models import Item, Membership, Project, Verdict
from annotation.pseudonyms import pseudonym
from tests.builders import make_annotation, make_item, make_member, make_prompt

pytestmark = pytest.mark.django_db

HERE = "/api/v1/projects/demo"


@pytest.fixture
def reviewer(project: Project) -> User:
    return make_member(project, Membership.Role.REVIEWER, "reviewer")


@pytest.fixture
def api(reviewer: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(reviewer)
    return client


def disputed(project: Project, **fields: Any) -> Item:
    item = make_item(project, ["one", "two"], answers_wanted=2, **fields)
    for strength in (2, -2):
        make_annotation(item, strength=strength, rationale=f"Because of {strength}.")
    return item


def test_disagreements_are_listed_the_most_disputed_first(project: Project, api: APIClient) -> None:
    tie = make_item(project, answers_wanted=2)
    for strength in (2, 0):
        make_annotation(tie, strength=strength)
    item = disputed(project, prompt=make_prompt(project, "Which?", category="science"))
    found = api.get(f"{HERE}/disagreements/").data
    assert [(line["item"], line["disagreement"]) for line in found["results"]] == [
        (item.pk, 1.0),
        (tie.pk, 0.5),
    ]
    assert (found["count"], found["next_page"], found["earlier"]) == (2, None, None)
    line = found["results"][0]
    assert (line["prompt"], line["category"], line["answers"]) == ("Which?", "science", 2)
    narrowed = api.get(f"{HERE}/disagreements/", {"category": "science"}).data
    assert [line["item"] for line in narrowed["results"]] == [item.pk]


def test_pages_and_windows_go_on(
    project: Project, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [disputed(project) for _ in range(3)]
    monkeypatch.setattr(queries_review, "A_PAGE", 1)
    monkeypatch.setattr(queries_review, "COMPARED", 2)
    url = f"{HERE}/disagreements/"
    first = api.get(url).data
    second = api.get(url, {"page": first["next_page"]}).data
    rest = api.get(url, {"before": second["earlier"]}).data
    assert [page["results"][0]["item"] for page in (first, second, rest)] == [
        items[1].pk,
        items[2].pk,
        items[0].pk,
    ]
    assert second["next_page"] is None
    assert rest["earlier"] is None


@pytest.mark.parametrize(
    "query", [{"state": "x"}, {"task_type": "x"}, {"before": -1}, {"page": 0}, {"page": "x"}]
)
def test_a_filter_that_does_not_fit_is_named(
    project: Project, api: APIClient, query: dict[str, Any]
) -> None:
    reply = api.get(f"{HERE}/disagreements/", query)
    assert reply.status_code == 400
    assert list(reply.data) == list(query)


def test_one_item_is_told_in_the_reviewers_order_and_blind(
    project: Project, api: APIClient, reviewer: User, annotator: User
) -> None:
    item = make_item(project, ["one", "two"], sources=["canary_a", "canary_b"])
    make_annotation(item, annotator, strength=3)
    reply = api.get(f"{HERE}/items/{item.pk}/verdicts/")
    letter = next(r["letter"] for r in reply.data["responses"] if r["text"] == "one")
    (answer,) = reply.data["answers"]
    assert answer["answer"] == f"{letter} is much better"
    assert answer["annotator"] == pseudonym(project, annotator.pk)[:6]
    assert (answer["counts"], answer["seconds"], reply.data["known"]) == (True, 12.5, 0)
    assert "canary" not in reply.content.decode()


def test_a_verdict_is_kept_in_canonical_order_once(
    project: Project, api: APIClient, reviewer: User
) -> None:
    item = disputed(project)
    url = f"{HERE}/items/{item.pk}/verdicts/"
    shown = api.get(url).data
    first = shown["responses"][0]["text"]
    sent = {
        "kind": "answer",
        "answer": {"strength": 3},
        "reason": "It is right.",
        "submit_key": "k",
        "known": shown["known"],
    }
    for _ in range(2):
        assert api.post(url, sent, format="json").status_code == 201
    verdict = Verdict.objects.get()
    assert verdict.answer == {"strength": 3 if first == "one" else -3, "both_bad": False}
    assert (verdict.reviewer, verdict.item, verdict.reason) == (reviewer, item, "It is right.")
    assert api.get(url).data["verdicts"][0]["words"] == "A is much better"
    late = api.post(url, sent | {"submit_key": "other"}, format="json")
    assert (late.status_code, "came meanwhile" in late.data["detail"]) == (409, True)
    changed = api.post(url, sent | {"reason": "Otherwise."}, format="json")
    assert changed.status_code == 409
    assert Verdict.objects.count() == 1


def test_items_are_left_undecided_or_retired(project: Project, api: APIClient) -> None:
    item = disputed(project)
    for kind in ("undecided", "retire"):
        sent = {"kind": kind, "reason": "Both read well.", "submit_key": kind}
        reply = api.post(f"{HERE}/items/{item.pk}/verdicts/", sent, format="json")
        assert (reply.status_code, reply.data["kind"]) == (201, kind)
    item.refresh_from_db()
    assert item.status == "retired"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"kind": "x"}, "kind"),
        ({"answer": {}}, "strength"),
        ({"answer": {"strength": 9}}, "strength"),
        ({"kind": "retire"}, "answer"),
        ({"submit_key": ""}, "submit_key"),
        ({"known": -1}, "known"),
        ({"reason": "a\x00"}, "reason"),
    ],
)
def test_what_is_no_verdict_is_refused_by_name(
    project: Project, api: APIClient, change: dict[str, Any], field: str
) -> None:
    item = disputed(project)
    sent = {"kind": "answer", "answer": {"strength": 1}, "reason": "So.", "submit_key": "k"}
    reply = api.post(f"{HERE}/items/{item.pk}/verdicts/", sent | change, format="json")
    assert reply.status_code == 400
    assert field in reply.data
    assert not Verdict.objects.exists()


def test_gold_and_other_projects_items_are_not_there(
    project: Project, project_elsewhere: Project, api: APIClient
) -> None:
    gold, foreign = disputed(project), disputed(project_elsewhere)
    services.make_gold(gold, kind="hidden", answer={"strength": 1, "both_bad": False}, reason="So.")
    for address in (
        f"{HERE}/items/{gold.pk}/verdicts/",
        f"{HERE}/items/{foreign.pk}/verdicts/",
        f"/api/v1/projects/elsewhere/items/{foreign.pk}/verdicts/",
        "/api/v1/projects/elsewhere/disagreements/",
    ):
        assert api.get(address).status_code == 404


def test_an_annotator_is_turned_away(project: Project, annotator: User) -> None:
    client = APIClient()
    client.force_authenticate(annotator)
    item = disputed(project)
    assert client.get(f"{HERE}/disagreements/").status_code == 403
    assert client.get(f"{HERE}/items/{item.pk}/verdicts/").status_code == 403
