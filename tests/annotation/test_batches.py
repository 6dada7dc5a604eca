"""Batches: what is asked when, before what, and of whom; on the pages and in the exports."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import services
from annotation.exports.rows import judged_items
from annotation.models import Assignment, Batch, Bookmark, Item, Project
from annotation.queries_batches import batches_page
from annotation.queries_projects import home, open_to, short_of_people
from annotation.services import lanes
from tests.builders import make_annotation, make_item, make_member, make_prompt, make_response

ANSWER = {"strength": 1, "both_bad": False}
PAGE = "/projects/demo/batches/"
HOUR = timedelta(hours=1)


@pytest.fixture
def batch(project: Project) -> Batch:
    return services.add_batch(project, "pilot")


@pytest.fixture
def office(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


def next_item(project: Project, person: User) -> int | None:
    turn = services.claim_next(project, person)
    return turn and turn.item_id


def status_of(item: Item) -> str:
    item.refresh_from_db()
    return item.status


def name_people(batch: Batch, *people: User) -> None:
    services.set_batch_terms(batch, opens=batch.opens, closes=batch.closes, people=people)
    batch.refresh_from_db()


# --- paused, closed, not open yet -----------------------------------------------------------------


def test_what_is_paused_is_not_asked_and_comes_back(
    project: Project, annotator: User, batch: Batch
) -> None:
    item, other = make_item(project, named_batch=batch), make_item(project)
    services.pause_batch(batch)
    assert status_of(item) == "paused"
    assert next_item(project, annotator) == other.pk
    assert next_item(project, annotator) is None
    services.resume_batch(batch)
    assert status_of(item) == "open"
    assert next_item(project, annotator) == item.pk


def test_a_turn_that_is_open_when_its_batch_is_paused_ends_well(
    project: Project, annotator: User, batch: Batch
) -> None:
    item = make_item(project, named_batch=batch, answers_wanted=2)
    turn = services.claim_next(project, annotator)
    assert turn is not None
    services.pause_batch(batch)
    services.submit_answer(turn, answer=ANSWER, submit_key="k")
    assert (status_of(item), item.answer_count, item.open_slots) == ("paused", 1, 1)
    services.undo_last(project, annotator)
    assert (status_of(item), item.answer_count, item.open_slots) == ("paused", 0, 1)


def test_the_last_answer_completes_and_taking_it_back_pauses(
    project: Project, annotator: User, batch: Batch
) -> None:
    item = make_item(project, named_batch=batch)
    turn = services.claim_next(project, annotator)
    assert turn is not None
    services.pause_batch(batch)
    services.submit_answer(turn, answer=ANSWER, submit_key="k")
    assert status_of(item) == "complete"
    services.undo_last(project, annotator)
    assert status_of(item) == "paused"
    services.resume_batch(batch)
    assert status_of(item) == "open"


def test_a_late_answer_still_finds_its_slot(
    project: Project, annotator: User, batch: Batch
) -> None:
    item = make_item(project, named_batch=batch)
    turn = services.claim_next(project, annotator)
    assert turn is not None
    services.pause_batch(batch)
    Assignment.objects.update(lease_until=timezone.now() - HOUR)
    assert services.release_stale(project) == 1
    services.submit_answer(turn, answer=ANSWER, submit_key="k")
    assert (status_of(item), item.answer_count) == ("complete", 1)


def test_a_retired_item_reopened_in_a_paused_batch_waits(project: Project, batch: Batch) -> None:
    item = make_item(project, named_batch=batch)
    services.retire_item(item)
    services.pause_batch(batch)
    assert status_of(item) == "retired"
    services.reopen_item(item)
    assert status_of(item) == "paused"


def test_disagreement_in_a_paused_batch_asks_nobody_before_it_goes_on(
    project: Project, batch: Batch
) -> None:
    services.set_flow_policy(project, max_overlap=3)
    item = make_item(project, named_batch=batch, answers_wanted=2)
    make_annotation(item, strength=2)
    turn = services.claim_next(project, make_member(project))
    assert turn is not None
    services.pause_batch(batch)
    services.submit_answer(turn, answer={"strength": -2, "both_bad": False}, submit_key="k")
    assert (status_of(item), item.answers_wanted, item.open_slots) == ("paused", 3, 1)
    services.resume_batch(batch)
    assert status_of(item) == "open"


def test_a_closed_batch_can_be_reopened(project: Project, annotator: User, batch: Batch) -> None:
    item = make_item(project, named_batch=batch)
    services.close_batch(batch)
    assert next_item(project, annotator) is None
    services.reopen_batch(batch)
    assert next_item(project, annotator) == item.pk


def test_what_is_queued_into_a_paused_batch_waits_with_it(project: Project, batch: Batch) -> None:
    services.pause_batch(batch)
    batch.refresh_from_db()
    assert status_of(make_item(project, named_batch=batch)) == "paused"


def test_the_clock_opens_and_closes(project: Project, annotator: User) -> None:
    now = timezone.now()
    batch = services.add_batch(project, "week", opens=now + HOUR, closes=now + 2 * HOUR)
    item = make_item(project, named_batch=batch)
    assert status_of(item) == "paused"
    Batch.objects.update(opens=now - HOUR, changed=now - 9 * HOUR)
    assert services.settle_batches() == 1
    assert status_of(item) == "open"
    assert services.settle_batches() == 0
    Batch.objects.update(closes=now - HOUR / 2)
    assert services.settle_batches() == 1
    assert status_of(item) == "paused"


def test_what_slipped_through_while_a_batch_was_paused_is_found(
    project: Project, batch: Batch
) -> None:
    """As an answer that is taken back at that very moment does it."""
    item = make_item(project, named_batch=batch)
    services.pause_batch(batch)
    Item.objects.update(status="open")
    services.settle_batches()
    assert status_of(item) == "paused"


# --- who, and before what -------------------------------------------------------------------------


def test_a_batch_for_named_people_is_theirs_alone(
    project: Project, annotator: User, batch: Batch
) -> None:
    item = make_item(project, named_batch=batch)
    stranger = make_member(project)
    name_people(batch, annotator)
    assert next_item(project, stranger) is None
    assert (open_to(project, stranger), home(stranger)[0].open_to_me) == (0, 0)
    assert (open_to(project, annotator), home(annotator)[0].open_to_me) == (1, 1)
    assert next_item(project, annotator) == item.pk


def test_named_people_come_and_go(project: Project, annotator: User, batch: Batch) -> None:
    for _ in range(4):
        make_item(project, named_batch=batch, answers_wanted=4)
    other = make_member(project)
    name_people(batch, annotator)
    assert next_item(project, annotator) is not None
    name_people(batch, other)
    assert next_item(project, annotator) is None
    assert next_item(project, other) is not None
    name_people(batch)
    assert next_item(project, annotator) is not None
    assert next_item(project, other) is not None


def test_a_lapsed_turn_does_not_bring_back_who_is_not_named_any_more(
    project: Project, annotator: User, batch: Batch
) -> None:
    make_item(project, named_batch=batch)
    assert next_item(project, annotator) is not None
    Assignment.objects.update(lease_until=timezone.now() - HOUR)
    name_people(batch, make_member(project))
    assert next_item(project, annotator) is None


def test_each_lane_has_its_own_bookmark(
    project: Project, annotator: User, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "WORTH_MOVING", 1)
    name_people(batch, annotator)
    own = [make_item(project, named_batch=batch, answers_wanted=5).pk for _ in range(3)]
    common = [make_item(project, answers_wanted=5).pk for _ in range(3)]
    Item.objects.update(place=1)
    found = []
    for _ in range(6):
        turn = services.claim_next(project, annotator)
        assert turn is not None
        found.append(turn.item_id)
        services.submit_answer(turn, answer=ANSWER, submit_key="k")
    assert found == own + common
    assert next_item(project, annotator) is None
    assert set(Bookmark.objects.values_list("lane", "item_id")) == {
        (batch.pk, own[-1]),
        (0, common[-1]),
    }


def test_the_priority_of_a_batch_moves_all_of_it(project: Project, annotator: User) -> None:
    batch = services.add_batch(project, "urgent")
    make_item(project)
    urgent = [make_item(project, named_batch=batch).pk for _ in range(2)]
    services.set_batch_priority(batch, 3)
    assert [next_item(project, annotator) for _ in range(2)] == urgent
    assert make_item(project, named_batch=Batch.objects.get()).priority == 3


def test_an_item_is_short_of_people_where_too_few_are_named(
    project: Project, annotator: User, batch: Batch
) -> None:
    item = make_item(project, named_batch=batch, answers_wanted=2)
    for _ in range(3):
        make_member(project)
    assert not short_of_people(project)
    name_people(batch, annotator)
    assert [short.pk for short in short_of_people(project)] == [item.pk]


def test_a_batch_costs_a_claim_no_query(project: Project, annotator: User, batch: Batch) -> None:
    for _ in range(4):
        make_item(project)
    services.claim_next(project, annotator)
    with CaptureQueriesContext(connection) as before:
        services.claim_next(project, annotator)
    name_people(batch, annotator)
    make_item(project, named_batch=batch)
    with CaptureQueriesContext(connection) as after:
        services.claim_next(project, annotator)
    assert len(after) == len(before)


# --- making one -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "pilot"])
def test_a_name_is_needed_once(project: Project, batch: Batch, name: str) -> None:
    with pytest.raises(services.ContentInvalid):
        services.add_batch(project, name)
    assert Batch.objects.count() == 1


def test_only_members_can_be_named(
    project: Project, batch: Batch, annotator_elsewhere: User
) -> None:
    with pytest.raises(services.NotAllowed):
        name_people(batch, annotator_elsewhere)
    assert not Batch.objects.get().is_named


def test_items_are_put_into_it_once(project: Project, batch: Batch) -> None:
    waiting = make_item(project, answers_wanted=2)
    complete = make_item(project)
    make_annotation(complete)
    chat = make_item(project, origin="chat")
    gold = make_item(project)
    services.make_gold(gold, kind="hidden", answer=ANSWER, reason="Because.")
    services.pause_batch(batch)
    assert services.put_into_batch(batch, Item.objects.all()) == 2
    assert [status_of(each) for each in (waiting, complete)] == ["paused", "complete"]
    assert list(Item.objects.filter(named_batch=None).order_by("pk")) == [chat, gold]
    other = services.add_batch(project, "other")
    assert services.put_into_batch(other, Item.objects.all()) == 0


def test_items_are_built_into_a_batch(project: Project, office: Client) -> None:
    for number in range(4):
        prompt = make_prompt(project, f"Question {number}?")
        for source in ("one", "two"):
            make_response(prompt, f"{source} {number}", source)
    form = {
        "strategy": "several_sources",
        "count": "2",
        "control_share": "0",
        "batch": "week 1",
    }
    assert office.post("/projects/demo/items/build/", form).status_code == 302
    batch = Batch.objects.get(name="week 1")
    assert batch.items.count() == 2
    call_command(
        "build_items", "demo", strategy="several_sources", count=2, control_share=0, batch="week 1"
    )
    assert batch.items.count() == 4
    make_item(project)
    shown = office.get("/projects/demo/items/build/?batch=week 1")
    assert [line.items for line in shown.context["arms"]] == [4]


def test_a_build_that_finds_nothing_to_do_starts_no_batch(project: Project, office: Client) -> None:
    form = {"strategy": "uncertainty", "count": "2", "control_share": "0", "batch": "week 1"}
    assert office.post("/projects/demo/items/build/", form).status_code == 422
    assert not Batch.objects.exists()


# --- pages and exports ----------------------------------------------------------------------------


def post(office: Client, address: str, **fields: Any) -> str:
    return office.post(address, fields, follow=True).content.decode()


def test_a_researcher_starts_a_batch_of_what_is_there(
    project: Project, office: Client, annotator: User
) -> None:
    for number in (1, 1, 2):
        make_item(project, round=number)
    told = post(
        office, PAGE, name="round one", priority="2", take_in="round:1", people=[annotator.pk]
    )
    assert "round one is there, with 2 items." in told
    assert "For annotator" in told
    batch = Batch.objects.get()
    assert set(batch.items.values_list("round", "priority", "lane")) == {(1, 2, batch.pk)}


def test_prompts_of_a_file_make_a_batch(project: Project, office: Client) -> None:
    file = project.import_batches.create(kind="prompts", format="prompts", file_name="a.jsonl")
    make_item(project, prompt=make_prompt(project, batch=file))
    make_item(project)
    post(office, PAGE, name="file", priority="0", take_in=f"file:{file.pk}")
    assert Batch.objects.get().items.count() == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "pilot"}, "There is a batch named pilot already."),
        ({"name": ""}, "This field is required."),
        ({"priority": "x"}, "Enter a whole number."),
        ({"opens": "2026-05-02T10:00", "closes": "2026-05-01T10:00"}, "name a later time"),
        ({"take_in": "round:99"}, "Select a valid choice."),
        ({"people": ["999"]}, "Select a valid choice."),
    ],
)
def test_what_does_not_fit_is_said(
    project: Project, office: Client, batch: Batch, fields: dict[str, Any], sentence: str
) -> None:
    refused = office.post(PAGE, {"name": "new", "priority": "0"} | fields)
    assert refused.status_code == 422
    assert sentence in refused.content.decode()
    assert Batch.objects.count() == 1


@pytest.mark.parametrize(
    ("action", "told"),
    [
        ("pause", "pilot is paused"),
        ("close", "pilot is closed"),
        ("up", "comes earlier"),
        ("down", "comes later"),
        ("resume", "pilot goes on"),
        ("reopen", "open again"),
        ("burn", "Choose what to do"),
    ],
)
def test_buttons_say_what_they_did(
    project: Project, office: Client, batch: Batch, action: str, told: str
) -> None:
    assert told in post(office, f"{PAGE}{batch.pk}/act/", action=action)


def test_terms_are_changed_on_the_batchs_page(
    project: Project, office: Client, batch: Batch, annotator: User
) -> None:
    item = make_item(project, named_batch=batch)
    address = f"{PAGE}{batch.pk}/"
    post(office, address, terms="1", opens="2099-01-01T09:00", people=[annotator.pk])
    batch.refresh_from_db()
    assert (batch.is_named, batch.opens is not None, status_of(item)) == (True, True, "paused")
    assert 'value="2099-01-01T09:00"' in office.get(address).content.decode()
    post(office, address, terms="1")
    batch.refresh_from_db()
    assert (batch.is_named, batch.opens, status_of(item)) == (False, None, "open")


def test_a_batch_of_another_project_is_not_there(
    office: Client, project_elsewhere: Project
) -> None:
    foreign = services.add_batch(project_elsewhere, "foreign")
    for address in (f"{PAGE}{foreign.pk}/", f"{PAGE}{foreign.pk}/act/"):
        assert office.post(address, {"action": "pause", "terms": "1"}).status_code == 404
    foreign.refresh_from_db()
    assert not foreign.is_paused


def test_progress_leaves_gold_and_retired_items_out(project: Project, batch: Batch) -> None:
    items = [make_item(project, named_batch=batch, answers_wanted=2) for _ in range(4)]
    make_annotation(items[0])
    services.retire_item(items[1])
    services.make_gold(items[2], kind="hidden", answer=ANSWER, reason="Because.")
    line = batches_page(project)[0]
    assert (line.items, line.complete, line.answers, line.answers_wanted) == (2, 0, 1, 4)


def test_what_is_asked_first_stands_at_the_top(project: Project, batch: Batch) -> None:
    for name, priority in (("last", -1), ("first", 2)):
        services.add_batch(project, name, priority=priority)
    names = [line.batch.name for line in batches_page(project)]
    assert names == ["first", "pilot", "last"]


def test_pages_take_no_more_queries_for_more_batches(
    project: Project, office: Client, annotator: User
) -> None:
    services.add_batch(project, "one", people=[annotator])
    with CaptureQueriesContext(connection) as few:
        office.get(PAGE)
    for name in ("two", "three", "four"):
        services.add_batch(project, name, people=[annotator])
    with CaptureQueriesContext(connection) as many:
        office.get(PAGE)
    assert len(many) == len(few)


def test_exports_are_filtered_by_batch_and_raw_names_it(project: Project, batch: Batch) -> None:
    inside, outside = make_item(project, named_batch=batch), make_item(project)
    for item in (inside, outside):
        make_annotation(item)
    chosen = judged_items(project, filters={"batches": ["pilot"]})
    assert [judged.item.pk for judged in chosen] == [inside.pk]
    names = {judged.item.pk: judged.item.named_batch for judged in judged_items(project)}
    assert names == {inside.pk: batch, outside.pk: None}
