"""A table that is carried on is the table that is read anew, whatever has happened meanwhile."""

import numpy as np
import pytest

from annotation import kept_answers as module
from annotation import services
from annotation.answer_table import AnswerTable, answer_table
from annotation.kept_answers import kept_answers
from annotation.models import Assignment, Item, Project
from tests.builders import make_annotation, make_assignment, make_item, make_member, make_project

pytestmark = pytest.mark.django_db

A_BETTER = {"strength": 2, "both_bad": False}
B_BETTER = {"strength": -1, "both_bad": False}


def rows_of(table: AnswerTable) -> list[tuple[object, ...]]:
    columns = (table.item, table.annotator, table.created, table.guideline)
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    said = [table.given[n] for n in table.said.tolist()]
    return sorted(
        (*row, str(each.answer), each.order) for row, each in zip(numbers, said, strict=True)
    )


def check(project: Project) -> None:
    assert rows_of(kept_answers(project).table) == rows_of(answer_table(project))


@pytest.fixture(autouse=True)
def _nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 0)
    monkeypatch.setattr(module, "SECONDS", 0.0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[list[int] | None]:
    """What was read of the database each time: None for all answers."""
    seen: list[list[int] | None] = []

    def counting(project: Project, items: list[int] | None = None) -> AnswerTable:
        seen.append(items)
        return answer_table(project, items)

    monkeypatch.setattr(module, "answer_table", counting)
    return seen


def test_what_people_do_is_carried_on(project: Project, reads: list[list[int] | None]) -> None:
    items = [make_item(project, answers_wanted=2) for _ in range(4)]
    people = [make_member(project) for _ in range(2)]
    make_annotation(items[0], people[0], answer=A_BETTER)
    check(project)
    assert kept_answers(project).table is kept_answers(project).table
    first = make_annotation(items[0], people[1], answer=B_BETTER)
    check(project)
    services.submit_answer(first.assignment, answer=A_BETTER, submit_key="edit")
    check(project)
    make_annotation(items[1], people[0], both_bad=True)
    check(project)
    services.undo_last(project, people[0])
    check(project)
    services.skip(make_assignment(items[2], people[0]), "Unclear.")
    check(project)
    services.retire_item(items[0])
    check(project)
    assert reads[0] is None
    assert None not in reads[1:]


def test_only_what_changed_is_read_again(
    project: Project, reads: list[list[int] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_BACK", 0)
    old = make_item(project)
    make_annotation(old, answer=A_BETTER)
    version = kept_answers(project).version
    make_annotation(make_item(make_project()), answer=A_BETTER)  # elsewhere
    new = [make_item(project) for _ in range(2)]
    for item in new:
        make_annotation(item, answer=B_BETTER)
        kept_answers(project)
    kept = kept_answers(project)
    assert reads == [None, [new[0].pk], [new[1].pk]]
    changed = kept.changed(version)
    assert changed is not None
    assert changed.tolist() == [item.pk for item in new]
    nothing = kept.changed(kept.version)
    assert nothing is not None
    assert nothing.tolist() == []
    assert kept.changed(-1) is None


def test_what_leaves_no_annotation_makes_it_read_all(
    project: Project, reads: list[list[int] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late answer that comes to count, and an item that becomes gold."""
    monkeypatch.setattr(module, "LOOK_BACK", 0)
    item = make_item(project)
    late = make_assignment(item)
    Assignment.objects.filter(pk=late.pk).update(status=Assignment.Status.EXPIRED, slot=None)
    Item.objects.filter(pk=item.pk).update(open_slots=1)
    late.refresh_from_db()
    taken = make_assignment(item)
    services.submit_answer(late, answer=B_BETTER, submit_key="late")
    check(project)
    services.skip(taken, "Unclear.")  # its slot falls free, so the late answer counts
    check(project)
    gold = make_annotation(make_item(project)).assignment.item
    check(project)
    services.make_gold(gold, kind="hidden", answer=A_BETTER, reason="It is right.")
    check(project)
    assert reads.count(None) == 3


def test_an_answer_that_came_later_with_a_lower_number_is_seen(project: Project) -> None:
    """Its transaction took longer than that of the last one looked at."""
    slow, fast = make_annotation(make_item(project)), make_annotation(make_item(project))
    assignment = Assignment.objects.filter(pk=slow.assignment_id)
    assignment.update(status=Assignment.Status.EXPIRED, slot=None)
    Item.objects.filter(pk=slow.assignment.item_id).update(answer_count=0)
    assert len(kept_answers(project).table) == 1
    assignment.update(status=Assignment.Status.ANSWERED, slot=0)
    Item.objects.filter(pk=slow.assignment.item_id).update(answer_count=1)
    assert kept_answers(project).last == fast.pk
    assert len(kept_answers(project).table) == 2


def test_projects_go_when_there_is_no_room(
    project: Project, reads: list[list[int] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_project()
    for each in (project, other):
        make_annotation(make_item(each))
    monkeypatch.setattr(module, "ROWS", 1)
    for each in (project, other, project):
        kept_answers(each)
    assert reads == [None, None, None]


def test_many_changes_make_it_read_all(
    project: Project, reads: list[list[int] | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 2)
    kept_answers(project)
    for _ in range(3):
        make_annotation(make_item(project))
    check(project)
    assert reads == [None, None]
    for _ in range(3):
        make_annotation(make_item(project))
        monkeypatch.setattr(module, "CARRIED", len(kept_answers(project).changes))
    check(project)


def test_an_empty_project_has_an_empty_table(project: Project) -> None:
    assert len(kept_answers(project).table) == 0
    assert np.array_equal(kept_answers(project).table.item, np.zeros(0))
