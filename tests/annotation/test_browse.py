"""The data browser: which items it finds, what it says of one, many retired at once."""

from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import services
from annotation.models import Annotation, Assignment, Item, Project
from annotation.queries_browse import browse_page, count_of
from annotation.queries_browse_filters import BrowseFilters
from tests.builders import (
    make_annotation,
    make_assignment,
    make_item,
    make_member,
    make_prompt,
)

pytestmark = pytest.mark.django_db

BROWSE = "/projects/demo/browse/"


def found(project: Project, **filters: object) -> list[int]:
    page = browse_page(project, BrowseFilters(**filters))  # type: ignore[arg-type]
    return [line.item.pk for line in page.lines]


@pytest.fixture
def researching(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


def test_every_word_stands_in_the_prompt_or_in_a_response(project: Project) -> None:
    prompt = make_prompt(project, "Wie groß ist die Brücke?")
    item = make_item(project, ["It is LONG.", "It is 40 m."], prompt=prompt)
    make_item(project, ["It is long.", "No."])
    assert found(project, q="BRÜCKE long") == [item.pk]
    assert found(project, q="brücke short") == []
    assert found(project, q="user") == []  # a role is no text


def test_filters_by_what_an_item_is(project: Project, researcher: User) -> None:
    plain = make_item(project, sources=["old", "new"], round=2)
    prompt = make_prompt(project, category="maths", split="test")
    other = make_item(project, prompt=prompt, sources=["old", "base"])
    batch = services.add_batch(project, "pilot")
    services.put_into_batch(batch, Item.objects.filter(pk=other.pk))
    services.flag(make_assignment(other), "Unsafe")
    services.retire_item(plain)
    assert found(project) == [other.pk, plain.pk]
    assert found(project, order="oldest") == [plain.pk, other.pk]
    for only in (
        {"status": "retired"},
        {"round": 2},
        {"batch": 0},
        {"no_category": True},
        {"source": ("old", "new")},
    ):
        assert found(project, **only) == [plain.pk], only
    for only in (
        {"batch": batch.pk},
        {"category": "maths"},
        {"split": "test", "category": "maths"},
        {"source": ("base",)},
        {"flagged": True},
    ):
        assert found(project, **only) == [other.pk], only
    assert found(project, import_=1) == []


def test_filters_by_answers(project: Project) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    alike, differ, alone = (make_item(project, answers_wanted=2) for _ in range(3))
    for item, strength in ((alike, 2), (differ, -2)):
        make_annotation(item, ann)
        make_annotation(item, ben, strength=strength)
    make_annotation(alone, ann)
    Annotation.objects.update(created=datetime(2026, 11, 25, 23, 59, tzinfo=UTC))
    Annotation.objects.filter(assignment__item=alone).update(
        created=datetime(2026, 11, 26, tzinfo=UTC)
    )
    assert found(project, disputed=True) == [differ.pk]
    assert found(project, by=(ann.pk, ben.pk)) == [differ.pk, alike.pk]
    assert found(project, answers=2, order="answers") == [differ.pk, alike.pk]
    assert found(project, after=date(2026, 11, 26)) == [alone.pk]
    assert found(project, until=date(2026, 11, 25)) == [differ.pk, alike.pk]
    assert found(project, guideline=0) == []
    assert len(found(project, guideline=1)) == 3


@pytest.mark.parametrize("order", ["newest", "oldest", "answers"])
@pytest.mark.parametrize("words", ["", "answer"])
def test_pages_follow_each_other_without_gap_or_double(
    project: Project, order: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.queries_browse.A_PAGE", 2)
    monkeypatch.setattr("annotation.queries_browse.READ_AT_ONCE", 3)
    items = [make_item(project, answers_wanted=2) for _ in range(7)]
    for item in items[::3]:
        make_annotation(item)
    every = sorted(items, key=lambda i: (-i.answer_count, -i.pk))
    seen: list[int] = []
    start, pages = "", 0
    while pages < 10:
        page = browse_page(project, BrowseFilters(order=order, start=start, q=words))
        seen += [line.item.pk for line in page.lines]
        pages += 1
        if not page.following:
            break
        start = page.following.rsplit("start=", 1)[1]
    assert pages <= 4
    assert len(seen) == len(set(seen)) == len(every)


def test_a_long_search_stops_and_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotation.queries_browse.READ_AT_ONCE", 2)
    monkeypatch.setattr("annotation.queries_browse.SCANNED", 4)
    last = make_item(project, ["needle", "hay"])
    for _ in range(5):
        make_item(project)
    page = browse_page(project, BrowseFilters(q="needle"))
    assert (page.lines, page.count, page.is_bounded) == ([], None, True)
    start = page.following.rsplit("start=", 1)[1]
    assert found(project, q="needle", start=start) == [last.pk]
    assert count_of(project, BrowseFilters(q="needle")) == 1


def test_a_count_is_exact_up_to_a_bound(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotation.queries_browse.COUNTED", 2)
    for _ in range(2):
        make_item(project)
    page = browse_page(project, BrowseFilters())
    assert (page.count, page.is_more) == (2, False)
    make_item(project)
    page = browse_page(project, BrowseFilters())
    assert (page.count, page.is_more) == (2, True)


def test_a_bad_filter_is_named_and_left_out(researching: Client, project: Project) -> None:
    item = make_item(project)
    text = researching.get(f"{BROWSE}?round=two&status=nonsense&start=x").content.decode()
    assert "Round: Enter a whole number. This filter is left out." in text
    assert "Status: " in text
    assert f"item {item.pk}" in text


def test_one_item_says_who_said_what(researching: Client, project: Project) -> None:
    ann = make_member(project, username="ann")
    item = make_item(project, ["**one**", "<i>two</i>"], sources=["old", "new"])
    said = make_annotation(item, ann, rationale="Because <b>.")
    services.flag(said.assignment, "Unsafe", "Rude.")
    text = researching.get(f"{BROWSE}{item.pk}/").content.decode()
    for shown in (
        "<strong>one</strong>",
        "&lt;i&gt;two",
        "old",
        "ann",
        "Because &lt;b&gt;.",
        "Rude.",
    ):
        assert shown in text
    assert researching.get(f"{BROWSE}{item.pk + 99}/").status_code == 404


def test_many_are_retired_after_a_question_and_only_once(
    researching: Client, project: Project
) -> None:
    items = [make_item(project) for _ in range(3)]
    held = make_assignment(items[0])
    gold = services.make_gold(
        make_item(project),
        kind="hidden",
        answer={"strength": 1, "both_bad": False},
        reason="So it is.",
    )
    send = {"action": "retire", "scope": "all"}
    asked = researching.post(f"{BROWSE}bulk/?q=", send).content.decode()
    assert "Retire 3 items?" in asked
    assert "1 of them is on somebody’s screen now" in asked
    assert "1 of those chosen is or was gold and stays as it is" in asked
    assert not Item.objects.filter(status="retired").exists()
    for said in ("3 items retired.", "0 items retired."):
        reply = researching.post(f"{BROWSE}bulk/", send | {"confirmed": "1"}, follow=True)
        assert said in reply.content.decode()
    assert Item.objects.filter(status="retired").count() == 3
    gold.item.refresh_from_db()
    assert gold.item.status == "gold"
    services.submit_answer(  # whoever held it may still end the turn
        held,
        answer={"strength": 1, "both_bad": False},
        rationale="",
        submit_key="late",
        seconds=1.0,
    )
    held.refresh_from_db()
    assert held.status == Assignment.Status.ANSWERED


def test_reopened_items_get_a_new_place_and_verdicts_hold(
    researching: Client, researcher: User, project: Project
) -> None:
    mine, decided, open_one = (make_item(project) for _ in range(3))
    services.retire_item(mine)
    services.give_verdict(
        decided, kind="retire", answer=None, reason="No.", reviewer=researcher, submit_key="k"
    )
    send = {"action": "reopen", "scope": "chosen", "item": [mine.pk, decided.pk, open_one.pk]}
    assert "Reopen 1 item?" in researching.post(f"{BROWSE}bulk/", send).content.decode()
    researching.post(f"{BROWSE}bulk/", send | {"confirmed": "1"})
    before = mine.place
    states = {}
    for item in (mine, decided, open_one):
        item.refresh_from_db()
        states[item.pk] = item.status
    assert states == {mine.pk: "open", decided.pk: "retired", open_one.pk: "open"}
    assert mine.place > before
    assert services.reopen_items(project, [mine.pk]) == 0


def test_nothing_of_another_project_is_changed(
    researching: Client, project: Project, project_elsewhere: Project
) -> None:
    item = make_item(project_elsewhere)
    send = {"action": "retire", "scope": "chosen", "item": item.pk, "confirmed": "1"}
    researching.post(f"{BROWSE}bulk/", send)
    item.refresh_from_db()
    assert item.status == "open"
    assert researching.get(f"{BROWSE}{item.pk}/").status_code == 404


def test_no_item_chosen_is_said(researching: Client, project: Project) -> None:
    reply = researching.post(f"{BROWSE}bulk/", {"action": "retire", "scope": "chosen"}, follow=True)
    assert "No item is chosen" in reply.content.decode()
