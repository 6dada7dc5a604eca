"""What pages show, how many queries it takes, and what an annotator never gets to see."""

import json
from dataclasses import asdict, fields
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from annotation import queries, queries_progress, queries_projects, services
from annotation.models import Assignment, Item, Project, Response
from tests.builders import (
    make_annotation,
    make_assignment,
    make_item,
    make_member,
    make_prompt,
)

# --- finding --------------------------------------------------------------------------------------


def test_absent_and_foreign_projects_look_alike(
    project: Project, annotator: User, annotator_elsewhere: User
) -> None:
    assert queries.find_project("demo", annotator, "annotate") == project
    for slug, user in (
        ("nowhere", annotator),
        ("demo", annotator_elsewhere),
        ("demo", AnonymousUser()),
    ):
        with pytest.raises(Http404):
            queries.find_project(slug, user, "annotate")
    with pytest.raises(PermissionDenied):
        queries.find_project("demo", annotator, "research")


def test_an_assignment_is_found_by_its_owner_alone(
    project: Project, annotator: User, researcher: User
) -> None:
    assignment = make_assignment(make_item(project), annotator)
    assert queries.find_assignment(assignment.key, annotator) == assignment
    for key, user in ((assignment.key, researcher), (uuid4(), annotator)):
        with pytest.raises(Http404):
            queries.find_assignment(key, user)


def test_a_former_member_loses_the_assignment(project: Project, annotator: User) -> None:
    assignment = make_assignment(make_item(project), annotator)
    services.remove_member(project, annotator)
    with pytest.raises(Http404):
        queries.find_assignment(assignment.key, annotator)


def test_open_assignments_are_those_still_leased_oldest_first(
    project: Project, annotator: User
) -> None:
    leased = [make_assignment(make_item(project), annotator) for _ in range(2)]
    make_annotation(make_item(project), annotator)
    assert queries.open_assignments(project, annotator) == leased


# --- the annotator's screen -----------------------------------------------------------------------


def shown(assignment: Assignment) -> queries.ItemCard:
    return queries.item_card(queries.find_assignment(assignment.key, assignment.annotator))


def test_responses_stand_in_display_order(project: Project) -> None:
    item = make_item(project, ["first", "second", "third"], task_type="ranking")
    assignment = make_assignment(item)
    Assignment.objects.filter(pk=assignment.pk).update(display_order=[2, 0, 1])
    card = shown(assignment)
    assert [r.letter for r in card.responses] == ["A", "B", "C"]
    assert ["third" in card.responses[0].html, "first" in card.responses[1].html] == [True, True]


def test_a_card_takes_few_queries(
    project: Project, annotator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    assignment = make_assignment(make_item(project), annotator)
    with django_assert_max_num_queries(4):
        shown(assignment)


def test_a_card_names_no_source_and_no_key_of_the_database(
    project: Project, annotator: User
) -> None:
    canaries = ["canary_policy_7731", "canary_parent_8842"]
    item = make_item(
        project, ["yes", "no"], sources=canaries, key="canary_key_9953", arm="canary_arm"
    )
    assignment = make_assignment(item, annotator)
    card = {f.name: getattr(shown(assignment), f.name) for f in fields(queries.ItemCard)}
    card["responses"] = [asdict(response) for response in card["responses"]]
    card["messages"] = [asdict(message) for message in card["messages"]]
    text = json.dumps(card, default=str) + str(shown(assignment).form)
    assert "canary" not in text
    names = set(card) | {name for response in card["responses"] for name in response}
    assert not {n for n in names if n in ("id", "pk", "source", "item", "item_id", "seed")}
    assert set(card["responses"][0]) == {"letter", "text", "html", "is_truncated"}
    assert set(card["messages"][0]) == {"role", "html"}


def test_the_same_item_has_another_key_for_another_person(project: Project) -> None:
    item = make_item(project, answers_wanted=2)
    assert make_assignment(item).key != make_assignment(item).key
    assert make_assignment(make_item(project)).key.version == 4


def test_a_long_conversation_is_folded(project: Project) -> None:
    prompt = make_prompt(project, "one|||two|||three|||four|||five")
    card = shown(make_assignment(make_item(project, prompt=prompt)))
    assert [len(card.earlier), len(card.latest)] == [2, 3]
    assert "five" in card.latest[-1].html
    short = shown(make_assignment(make_item(project)))
    assert [len(short.earlier), len(short.latest)] == [0, 1]


def test_an_undone_answer_is_filled_in_again(project: Project, annotator: User) -> None:
    item = make_item(project)
    make_annotation(item, annotator, strength=3, rationale="clear")
    assignment = services.undo_last(project, annotator)
    assert assignment is not None
    Assignment.objects.filter(pk=assignment.pk).update(display_order=[1, 0])
    card = shown(assignment)
    assert card.initial == {"strength": -3, "both_bad": False, "rationale": "clear"}
    assert card.form["rationale"].value() == "clear"


def test_a_project_can_show_text_as_written(project: Project, annotator: User) -> None:
    project.render_markdown = False
    project.save()
    card = shown(make_assignment(make_item(project, ["**a**", "b"]), annotator))
    assert any("**a**" in response.html for response in card.responses)


def test_an_item_overrules_the_projects_task_config(project: Project, annotator: User) -> None:
    project.task_config = {"allow_tie": False, "rationale": "required"}
    project.save()
    item = make_item(project)
    Item.objects.filter(pk=item.pk).update(task_config={"allow_tie": True})
    assignment = queries.find_assignment(make_assignment(item, annotator).key, annotator)
    assert queries.answer_config(assignment.item) == {"allow_tie": True, "rationale": "required"}
    assert queries.answer_form(assignment, {"strength": "0", "rationale": "same"}).is_valid()
    assert "rationale" in queries.answer_form(assignment, {"strength": "0"}).errors


# --- progress, home, overview ---------------------------------------------------------------------


def test_progress_counts_answers_and_leaves_retired_items_out(
    project: Project, annotator: User
) -> None:
    item = make_item(project, answers_wanted=2)
    make_annotation(item, annotator)
    make_item(project)
    services.retire_item(make_item(project))
    assert queries_progress.progress(project, annotator) == queries_progress.Progress(
        done=1, total=3, mine=1, open_items=2, items=2
    )


def test_a_project_of_many_items_is_not_counted_for_every_answer(
    project: Project,
    annotator: User,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(queries_progress, "MANY_ITEMS", 1)
    make_annotation(make_item(project), annotator)
    make_item(project)
    before = queries_progress.progress(project, annotator)
    make_annotation(make_item(project), annotator)
    with django_assert_num_queries(1):
        after = queries_progress.progress(project, annotator)
    assert (before.done, after.done) == (1, 1)
    assert (before.mine, after.mine) == (1, 2)


def test_one_counts_anew_while_others_go_by_the_old_counts(
    project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MANY_ITEMS": 0, "KEPT_SECONDS": 0.0, "KEPT_TIMES": 0}.items():
        monkeypatch.setattr(queries_progress, name, value)
    make_item(project)
    assert queries_progress.progress(project, annotator).items == 1
    make_item(project)
    counting = f"item_counts:{project.pk}:counting"
    caches["process"].set(counting, True)  # by another thread
    assert queries_progress.progress(project, annotator).items == 1
    caches["process"].delete(counting)
    assert queries_progress.progress(project, annotator).items == 2
    make_item(project)
    assert queries_progress.progress(project, annotator).items == 3


def test_gold_is_counted_when_the_items_are(
    project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the figure would move by itself after an answer to gold, and tell it by that."""
    monkeypatch.setattr(queries_progress, "MANY_ITEMS", 0)
    plain, gold = make_item(project), make_item(project)
    services.make_gold(
        gold, kind="hidden", answer={"strength": 1, "both_bad": False}, reason="It is right."
    )
    before = queries_progress.progress(project, annotator)
    turn = services.claim_item(gold, annotator)
    assert turn is not None
    services.submit_answer(turn, answer={"strength": 1, "both_bad": False}, submit_key="gold")
    make_annotation(plain, annotator)
    after = queries_progress.progress(project, annotator)
    assert (before.done, before.total) == (after.done, after.total) == (0, 2)
    monkeypatch.setattr(queries_progress.time, "monotonic", lambda: 1e9)  # much later
    assert queries_progress.progress(project, annotator).done == 2


def test_progress_of_an_empty_project_is_zero(project: Project, annotator: User) -> None:
    assert queries_progress.progress(project, annotator).share == 0.0


def test_home_lists_the_users_projects_in_one_query(
    project: Project,
    project_elsewhere: Project,
    annotator: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(3):
        make_item(project, answers_wanted=2)
    make_annotation(make_item(project), annotator)
    make_annotation(Item.objects.all()[0])
    make_item(project_elsewhere)
    with django_assert_num_queries(1):
        lines = queries_projects.home(annotator)
    assert [(p.slug, p.role, p.done, p.total, p.mine, p.open_to_me) for p in lines] == [
        ("demo", "annotator", 2, 7, 1, 3)
    ]


def test_home_shows_an_admin_every_project(
    project: Project, project_elsewhere: Project, admin: User
) -> None:
    make_item(project_elsewhere)
    lines = {line.slug: line for line in queries_projects.home(admin)}
    assert set(lines) == {"demo", "elsewhere"}
    assert lines["elsewhere"].open_to_me == 1
    assert lines["demo"].role == "manager"


def test_what_waits_for_a_person_is_what_is_held_and_what_can_be_had(
    project: Project, annotator: User
) -> None:
    skipped, lapsed = (make_item(project, answers_wanted=2) for _ in range(2))
    services.skip(make_assignment(skipped, annotator))
    assert queries_projects.open_to(project, annotator) == 1
    assignment = make_assignment(lapsed, annotator)
    assert queries_projects.open_to(project, annotator) == 1  # held by this person now
    assert [line.open_to_me for line in queries_projects.home(annotator)] == [1]
    Assignment.objects.filter(pk=assignment.pk).update(
        lease_until=timezone.now() - timedelta(hours=1)
    )
    services.release_stale()
    assert queries_projects.open_to(project, annotator) == 1


def test_items_short_of_people_say_how_many(project: Project, annotator: User) -> None:
    make_member(project)
    fine, short = make_item(project, answers_wanted=2), make_item(project, answers_wanted=3)
    found = queries_projects.short_of_people(project)
    assert list(found.values_list("pk", "missing")) == [(short.pk, 1)]
    services.skip(make_assignment(fine, annotator))
    assert {item.pk for item in queries_projects.short_of_people(project)} == {fine.pk, short.pk}


def test_the_overview_counts_what_is_there(
    project: Project, annotator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    item = make_item(project, answers_wanted=2)
    make_annotation(item, annotator)
    services.flag(make_assignment(make_item(project), annotator), "broken")
    services.retire_item(make_item(project))
    with django_assert_max_num_queries(8):
        overview = queries_projects.project_overview(project)
    assert (overview.items, overview.open_items, overview.retired_items) == (3, 2, 1)
    assert (overview.answers, overview.answers_wanted, overview.annotators) == (1, 3, 1)
    assert (overview.prompts, overview.responses, overview.sources) == (3, 6, 1)
    assert (overview.open_flags, overview.leased, overview.short_items) == (1, 1, 1)
    assert Response.objects.count() == 6


def test_members_are_listed_with_what_they_did(
    project: Project,
    annotator: User,
    researcher: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_annotation(make_item(project), annotator)
    make_annotation(make_item(project), annotator)
    services.skip(make_assignment(make_item(project), annotator))
    with django_assert_num_queries(1):
        lines = queries_projects.members_page(project)
    assert [(m.username, m.role, m.answered, m.skipped) for m in lines] == [
        ("annotator", "annotator", 2, 1),
        ("researcher", "researcher", 0, 0),
    ]
    assert lines[0].last_answer is not None
    assert lines[1].last_answer is None


def test_guidelines_are_listed_newest_first(project: Project, researcher: User) -> None:
    services.new_guideline(project, "**Be strict.**", researcher)
    newest, first = queries.guidelines_page(project)
    assert (newest.version, first.version, newest.author) == (2, 1, "researcher")
    assert "<strong>Be strict.</strong>" in newest.html
    assert queries.guideline(project) == newest


def test_open_flags_tell_who_and_why(project: Project, annotator: User) -> None:
    assignment = make_assignment(make_item(project), annotator)
    raised = services.flag(assignment, "offensive", "see the end")
    line = queries_projects.open_flags(project)[0]
    assert (line.reason, line.note, line.by) == ("offensive", "see the end", "annotator")
    raised.resolved = timezone.now()
    raised.save()
    assert queries_projects.open_flags(project) == []
