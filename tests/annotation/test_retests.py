"""Items that come back: in time, the other way round, to the same person, and nowhere counted."""

import json
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import queries, queries_progress, services
from annotation.exports.rows import judged_items
from annotation.exports.writer import write_export
from annotation.imports import raw as raw_import
from annotation.models import Annotation, Assignment, Item, Project, Retest, Tally
from annotation.queries_builders import arms_page
from annotation.queries_data import annotations_of, items_with_responses
from annotation.queries_me import monday
from annotation.queries_projects import home, project_overview
from annotation.queries_retests import own_consistency
from annotation.services import retest_plan
from tests.builders import make_item, make_member

FIRST = {"strength": 2, "both_bad": False}
SECOND = {"strength": -2, "both_bad": False}


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch, project: Project) -> Project:
    """Every answer is asked for again, after exactly two others."""
    monkeypatch.setattr(retest_plan, "_is_drawn", lambda share: share > 0)
    monkeypatch.setattr(retest_plan.secrets, "randbelow", lambda most: 0)
    services.set_flow_policy(project, retest_share=0.5, retest_after=2)
    return project


def answer_next(project: Project, person: User, answer: dict[str, object] = FIRST) -> Assignment:
    held = queries.open_assignments(project, person)
    turn = held[0] if held else services.claim_turn(project, person)
    assert turn is not None
    services.submit_answer(turn, answer=answer, submit_key="k")
    return turn


def work(project: Project, person: User, count: int) -> list[Assignment]:
    return [answer_next(project, person) for _ in range(count)]


@pytest.fixture
def came_back(always: Project, annotator: User) -> Assignment:
    """The first of three answers is asked for again, and answered otherwise."""
    for _ in range(5):
        make_item(always)
    work(always, annotator, 3)
    turn = services.claim_turn(always, annotator)
    assert turn is not None
    assert turn.item.status == Item.Status.RETEST
    services.submit_answer(turn, answer=SECOND, submit_key="again")
    return turn


def test_it_comes_back_after_so_many_others_in_the_swapped_order(
    always: Project, annotator: User
) -> None:
    items = [make_item(always) for _ in range(6)]
    turns = work(always, annotator, 3)
    assert [turn.item_id for turn in turns] == [item.pk for item in items[:3]]
    again = services.claim_turn(always, annotator)
    assert again is not None
    assert again.item.prompt_id == items[0].prompt_id
    assert again.display_order == turns[0].display_order[::-1]
    texts = [list(each.responses.order_by("pk")) for each in (items[0], again.item)]
    assert texts[0] == texts[1]
    # What the queue gave is held, and next.
    held = queries.open_assignments(always, annotator)
    assert [turn.pk for turn in held][0] == again.pk
    assert [turn.item_id for turn in held][1] == items[3].pk


def test_each_answer_comes_back_once(always: Project, annotator: User) -> None:
    for _ in range(12):
        make_item(always)
    work(always, annotator, 16)
    # Three answers, and then in turn one that comes back and one that is new.
    given = Retest.objects.exclude(item=None)
    assert given.count() == Item.objects.filter(status="retest").count() == 7
    assert given.values("first__item__prompt").distinct().count() == 7
    assert not Retest.objects.filter(first__item__status="retest").exists()


def test_ranking_comes_back_reversed(always: Project, annotator: User) -> None:
    for number in range(5):
        make_item(always, [f"{number}{letter}" for letter in "abcd"], task_type="ranking")
    answer: dict[str, object] = {"groups": [[0], [1, 2], [3]]}
    turns = [answer_next(always, annotator, answer) for _ in range(3)]
    again = services.claim_turn(always, annotator)
    assert again is not None
    assert again.display_order == turns[0].display_order[::-1]
    services.submit_answer(again, answer=answer, submit_key="k")
    found = own_consistency(always, annotator)
    assert (found.same.rate, found.same.n) == (1.0, 6)


def test_it_never_comes_where_nothing_else_would(always: Project, annotator: User) -> None:
    for _ in range(3):
        make_item(always)
    work(always, annotator, 3)
    assert services.claim_turn(always, annotator) is None


def test_an_answer_that_was_taken_back_is_not_asked_for_again(
    always: Project, annotator: User
) -> None:
    items = [make_item(always) for _ in range(6)]
    work(always, annotator, 3)
    for _ in range(3):
        services.undo_last(always, annotator)
    held = queries.open_assignments(always, annotator)
    services.skip(held[0])
    for turn in held[1:]:
        services.submit_answer(turn, answer=FIRST, submit_key="again")
    work(always, annotator, 1)
    following = services.claim_turn(always, annotator)
    assert following is not None
    assert following.item.prompt_id != items[0].prompt_id


@pytest.mark.parametrize("fields", [{"origin": "chat"}, {"task_type": "demonstration"}])
def test_chat_and_demonstrations_do_not_come_back(
    always: Project, annotator: User, fields: dict[str, str]
) -> None:
    item = make_item(always, **fields)
    turn = services.claim_next(always, annotator)
    assert turn is not None
    answer = FIRST if item.task_type == "pairwise" else {"text": "So.", "edited": None}
    services.submit_answer(turn, answer=answer, submit_key="k")
    assert not Retest.objects.exists()


def test_gold_does_not_come_back(always: Project, annotator: User) -> None:
    item = make_item(always)
    services.make_gold(item, kind="hidden", answer=FIRST, reason="Because.")
    turn = services.claim_item(item, annotator)
    assert turn is not None
    services.submit_answer(turn, answer=FIRST, submit_key="k")
    assert not Retest.objects.exists()


def test_without_a_share_nothing_is_planned(project: Project, annotator: User) -> None:
    services.set_flow_policy(project, retest_share=0.0)
    make_item(project)
    work(project, annotator, 1)
    assert not Retest.objects.exists()


def test_the_share_is_the_chance(
    project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.set_flow_policy(project, retest_share=0.05, retest_after=20)
    draws = iter([0.04, 0.06, 0.049])
    monkeypatch.setattr(retest_plan.secrets.SystemRandom, "random", lambda self: next(draws))
    for _ in range(3):
        make_item(project)
    work(project, annotator, 3)
    assert Retest.objects.count() == 2
    dues = list(Retest.objects.order_by("id").values_list("due", flat=True))
    assert 1 + 20 <= dues[0] <= 1 + 40
    assert 3 + 20 <= dues[1] <= 3 + 40


def test_a_retest_left_open_can_be_skipped_and_ends_like_any_turn(
    always: Project, annotator: User
) -> None:
    for _ in range(5):
        make_item(always)
    work(always, annotator, 3)
    again = services.claim_turn(always, annotator)
    assert again is not None
    services.heartbeat(again, 3.0)
    services.skip(again, "not again")
    again.item.refresh_from_db()
    assert (again.item.status, again.item.open_slots) == ("retest", 1)
    assert services.claim_next(always, make_member(always)) is not None  # never the retest
    assert Assignment.objects.filter(item=again.item).count() == 1


# --- it counts nowhere ----------------------------------------------------------------------------


def test_no_count_of_the_project_knows_of_it(
    project: Project, came_back: Assignment, researcher: User
) -> None:
    overview = project_overview(project)
    assert (overview.items, overview.answers, overview.answers_wanted) == (5, 3, 5)
    seen = queries_progress.progress(project, researcher)
    assert (seen.done, seen.total, seen.items) == (3, 5, 5)
    assert sum(line.items for line in arms_page(project)) == 5
    assert items_with_responses(project).count() == 5
    assert {each.assignment.item.status for each in annotations_of(project)} == {"complete"}


def test_no_dataset_holds_it_but_the_raw_one(
    project: Project, came_back: Assignment, tmp_path: Path
) -> None:
    for judged in judged_items(project):
        assert len(judged.answers) == 1
    write_export(project, "trl_preference", tmp_path / "pairs.jsonl")
    assert len((tmp_path / "pairs.jsonl").read_text().splitlines()) == 3
    manifest = write_export(project, "raw", tmp_path / "raw.jsonl")
    assert (manifest["rows"], manifest["counts"]["retests"]) == (4, 1)
    rows = [json.loads(line) for line in (tmp_path / "raw.jsonl").read_text().splitlines()]
    (marked,) = [row for row in rows if row["retest"]]
    (first,) = [row for row in rows if row["item"] == marked["item"] and not row["retest"]]
    assert marked["annotator"] == first["annotator"]
    assert marked["display_order"] == first["display_order"][::-1]
    assert (first["strength"], marked["strength"]) == (2, -2)
    assert list(raw_import.comparisons(marked)) == []
    assert len(list(raw_import.comparisons(first))) == 1


def test_nobody_is_asked_more_because_of_it(always: Project, annotator: User) -> None:
    services.set_flow_policy(always, max_overlap=5)
    for _ in range(5):
        make_item(always)
    work(always, annotator, 3)
    again = services.claim_turn(always, annotator)
    assert again is not None
    services.submit_answer(again, answer=SECOND, submit_key="k")
    assert not Item.objects.filter(overlap_added__gt=0).exists()


# --- what the annotator sees ----------------------------------------------------------------------


def test_the_annotators_own_figures_count_it_like_any_other(
    always: Project, annotator: User
) -> None:
    for _ in range(8):
        make_item(always)
    before = queries_progress.progress(always, annotator)
    for number in range(1, 6):
        answer_next(always, annotator)
        now = queries_progress.progress(always, annotator)
        assert (now.done, now.mine, now.total) == (number, number, before.total)
        assert home(annotator)[0].done == number
    assert Tally.objects.get().retests > 0


def test_it_can_be_taken_back_like_any_other(
    project: Project, annotator: User, came_back: Assignment
) -> None:
    assert Tally.objects.get().retests == 1
    turn = services.undo_last(project, annotator)
    assert turn is not None
    assert turn.pk == came_back.pk
    assert Tally.objects.get().retests == 0
    assert own_consistency(project, annotator).same.n == 0


def test_consistency_is_shown_to_managers_now_and_to_the_person_on_monday(
    project: Project, annotator: User, manager: User, came_back: Assignment, client: Client
) -> None:
    client.force_login(manager)
    office = client.get(f"/projects/demo/people/{annotator.pk}/").content.decode()
    assert "Items that came back" in office
    found = own_consistency(project, annotator)
    assert (found.same.rate, found.same.n, found.flips) == (0.0, 1, 1)
    client.force_login(annotator)
    assert "The same answer again" not in client.get("/projects/demo/me/").content.decode()
    Annotation.objects.update(created=monday().replace(year=2020))
    assert "The same answer again" in client.get("/projects/demo/me/").content.decode()


def test_a_retest_is_not_made_gold(came_back: Assignment) -> None:
    with pytest.raises(services.NotAllowed, match="retest"):
        services.make_gold(came_back.item, kind="hidden", answer=FIRST, reason="Because.")
