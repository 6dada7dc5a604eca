"""All answers of a project as arrays: which count, and that nothing of them is lost."""

from datetime import UTC, datetime

import pytest

from annotation import answer_table as answer_table_module
from annotation import services
from annotation.answer_table import answer_table
from annotation.models import Annotation, Assignment, Gold, Project
from tests.builders import make_annotation, make_item, make_member, make_project

A_BETTER = {"strength": 2, "both_bad": False}
B_BETTER = {"strength": -1, "both_bad": False}


def test_each_answer_is_a_row_and_each_different_one_is_there_once(project: Project) -> None:
    items = [make_item(project, answers_wanted=2) for _ in range(2)]
    people = [make_member(project) for _ in range(2)]
    said = [
        make_annotation(item, person, answer=answer)
        for item, person, answer in (
            (items[0], people[0], A_BETTER),
            (items[0], people[1], B_BETTER),
            (items[1], people[0], A_BETTER),
        )
    ]
    moment = datetime(2026, 11, 27, 12, 0, 7, tzinfo=UTC)
    Annotation.objects.update(created=moment)
    table = answer_table(project)
    assert len(table) == 3
    assert {(each.responses, each.task_type) for each in table.given} == {(2, "pairwise")}
    different = {(str(each.answer), str(each.assignment.display_order)) for each in said}
    assert len(table.given) == len(different)
    rows = zip(table.item, table.annotator, table.said, table.created, table.guideline, strict=True)
    found = {(item, who): (table.given[n].answer, when, by) for item, who, n, when, by in rows}
    guideline = said[0].guideline_id or 0
    assert found == {
        (each.assignment.item_id, each.assignment.annotator_id): (
            each.answer,
            int(moment.timestamp()),
            guideline,
        )
        for each in said
    }


def test_what_does_not_count_is_left_out(project: Project) -> None:
    kept = make_annotation(make_item(project), answer=A_BETTER)
    make_annotation(make_item(make_project()), answer=A_BETTER)  # another project's
    edited = make_annotation(make_item(project), answer=A_BETTER)
    services.submit_answer(edited.assignment, answer=B_BETTER, submit_key="edit")
    withdrawn = make_annotation(make_item(project), answer=A_BETTER)
    services.undo_last(project, withdrawn.assignment.annotator)
    late = make_annotation(make_item(project), answer=A_BETTER)
    Assignment.objects.filter(pk=late.assignment_id).update(
        status=Assignment.Status.EXTRA, slot=None
    )
    gold = make_annotation(make_item(project), answer=A_BETTER)
    services.make_gold(
        gold.assignment.item, kind=Gold.Kind.HIDDEN, answer=A_BETTER, reason="It is clear."
    )
    was_gold = make_annotation(make_item(project), answer=A_BETTER)
    services.retire_gold(
        services.make_gold(
            was_gold.assignment.item, kind=Gold.Kind.HIDDEN, answer=A_BETTER, reason="It was clear."
        )
    )
    table = answer_table(project)
    assert set(answer_table(project, with_gold=True).item.tolist()) - set(table.item.tolist()) == {
        gold.assignment.item_id,
        was_gold.assignment.item_id,
    }
    found = dict(zip(table.item.tolist(), (table.given[n].answer for n in table.said), strict=True))
    assert found == {kept.assignment.item_id: A_BETTER, edited.assignment.item_id: B_BETTER}


def test_a_project_without_answers_has_an_empty_table(project: Project) -> None:
    make_item(project)
    table = answer_table(project)
    assert (len(table), table.given, table.said.tolist()) == (0, [], [])


def test_many_different_answers_are_asked_for_in_parts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_table_module, "ASKED_AT_ONCE", 2)
    for strength in (-3, -2, -1, 1, 2):
        make_annotation(make_item(project), strength=strength)
    table = answer_table(project)
    said = [table.given[n].answer["strength"] for n in table.said]
    assert sorted(said) == [-3, -2, -1, 1, 2]
