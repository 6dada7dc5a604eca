"""Many annotators at once, each an operating-system process with its own connection.

On PostgreSQL sixteen of them; on SQLite, where writers queue up, fewer. The parent's SQLite
database lives in memory, so it is copied to a file for the others and copied back.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from annotation import services
from annotation.aggregation.majority import agree
from annotation.models import Annotation, Assignment, Item, Project
from annotation.task_types import pairwise
from tests.builders import make_item, make_member, make_project

Crowd = Callable[..., list[dict[str, Any]]]

pytestmark = pytest.mark.django_db(transaction=True)

ON_POSTGRES = os.environ.get("TEST_DATABASE_URL", "").startswith("postgres")
PEOPLE = 16 if ON_POSTGRES else 8
ITEMS = 20 if ON_POSTGRES else 8
ANSWERS = 3
SECONDS = 120


@pytest.fixture
def shared_database(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A call gives the address under which other processes reach what is stored so far."""
    if connection.vendor == "postgresql":
        given = urlsplit(os.environ["TEST_DATABASE_URL"])
        ours = given._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        yield lambda: ours
        return
    path = tmp_path / "shared.sqlite3"

    def copy_out() -> str:
        connection.ensure_connection()
        with sqlite3.connect(path) as file:
            connection.connection.backup(file)
        file.close()
        return f"sqlite:///{path}"

    yield copy_out


@pytest.fixture
def crowd(shared_database: Callable[[], str], tmp_path: Path) -> Crowd:
    """Let people act, each in a process; returns all that they say was stored."""

    def act(name: str, people: list[User], **plan: Any) -> list[dict[str, Any]]:
        folder = tmp_path / "said"
        folder.mkdir()
        names = [person.username for person in people]
        plan_file = tmp_path / "plan.json"
        plan = {"act": name, "people": names, "folder": str(folder), "seconds": SECONDS, **plan}
        plan_file.write_text(json.dumps(plan))
        done = subprocess.run(
            [sys.executable, "-m", "tests.annotation.crowd", str(plan_file)],
            env={**os.environ, "TEST_DATABASE_URL": shared_database()},
            capture_output=True,
            text=True,
            timeout=SECONDS + 30,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        if connection.vendor == "sqlite":
            with sqlite3.connect(tmp_path / "shared.sqlite3") as file:
                file.backup(connection.connection)
            file.close()
        return [
            json.loads(line)
            for path in sorted(folder.iterdir())
            for line in path.read_text().splitlines()
        ]

    return act


def newest_revisions(item: Item) -> list[Annotation]:
    turns = item.assignments.filter(status=Assignment.Status.ANSWERED)
    return [turn.annotations.latest("revision") for turn in turns]


def test_every_item_ends_with_exactly_k_answers(crowd: Crowd) -> None:
    """With skips, abandoned leases, late answers, undos, double clicks and sudden deaths."""
    project = make_project("crowd", answers_per_item=ANSWERS, lease_seconds=2)
    for _ in range(ITEMS):
        make_item(project)
    people = [make_member(project, username=f"person_{i}") for i in range(PEOPLE)]
    said = crowd(
        "judge",
        people,
        project=project.slug,
        seed=11,
        may_skip=[person.username for person in people[::2]],
        mortal=["person_0", "person_1"],
    )

    for item in project.items.all():
        turns = item.assignments.filter(status=Assignment.Status.ANSWERED)
        assert sorted(turn.slot for turn in turns if turn.slot is not None) == [0, 1, 2]
        assert len({turn.annotator_id for turn in turns}) == ANSWERS
        assert item.assignments.filter(slot__isnull=False).count() == ANSWERS
        newest = newest_revisions(item)
        assert [annotation.kind for annotation in newest] == [Annotation.Kind.ANSWER] * ANSWERS
        state = (item.status, item.answer_count, item.open_slots)
        assert state == (Item.Status.COMPLETE, ANSWERS, 0)

    # Nothing that somebody was told is stored is missing, and no click counted twice.
    keys = Counter(Annotation.objects.values_list("submit_key", flat=True))
    assert set(keys.values()) == {1}
    submitted = [fact for fact in said if fact["what"] == "submitted"]
    assert {fact["key"] for fact in submitted} <= set(keys)
    stored = set(Annotation.objects.values_list("pk", "submit_key"))
    assert all((fact["annotation"], fact["key"]) in stored for fact in submitted)

    # The crowd did misbehave: else the above would show little.
    statuses = Counter(Assignment.objects.values_list("status", flat=True))
    assert statuses["skipped"] > 0
    assert statuses["expired"] + statuses["extra"] > 0
    assert Annotation.objects.filter(kind=Annotation.Kind.WITHDRAWAL).exists()
    assert len(submitted) > len({fact["key"] for fact in submitted})


def test_where_people_disagree_exactly_one_more_is_asked_at_each_stage(crowd: Crowd) -> None:
    """Again with skips, abandoned leases, late answers and double clicks."""
    project = make_project("dispute", answers_per_item=2, lease_seconds=2)
    services.set_flow_policy(project, max_overlap=4, agree_share=0.7)
    for _ in range(ITEMS):
        make_item(project)
    people = [make_member(project, username=f"person_{i}") for i in range(PEOPLE)]
    skippers = [person.username for person in people[::4]]  # a late answer bars its person too
    plan = {"project": project.slug, "seed": 5, "may_skip": skippers, "mortal": []}
    crowd("judge", people, may_undo=False, **plan)

    stages = Counter[int]()
    for item in project.items.all():
        turns = item.assignments.filter(status=Assignment.Status.ANSWERED)
        assert sorted(turns.values_list("slot", flat=True)) == list(range(item.answers_wanted))
        state = (item.status, item.answer_count, item.open_slots)
        assert state == (Item.Status.COMPLETE, item.answers_wanted, 0)
        assert item.answers_wanted == 2 + item.overlap_added
        said = sorted(newest_revisions(item), key=lambda annotation: annotation.pk)
        votes = [pairwise.preferences(annotation.answer or {}) for annotation in said]
        assert agree(votes, 0.7) or item.answers_wanted == 4
        assert not item.overlap_added or not agree(votes[:-1], 0.7)
        stages[item.overlap_added] += 1
    assert stages[1] + stages[2] > 0  # else the above would show little


def test_one_item_asked_for_by_all_at_once_is_leased_k_times(crowd: Crowd) -> None:
    project = make_project("rush", answers_per_item=ANSWERS)
    item = make_item(project)
    people = [make_member(project, username=f"person_{i}") for i in range(PEOPLE)]
    said = crowd("claim_once", people, project=project.slug)
    assert len(said) == ANSWERS
    slots = item.assignments.values_list("slot", flat=True)
    assert sorted(slot for slot in slots if slot is not None) == [0, 1, 2]
    item.refresh_from_db()
    assert item.open_slots == 0


def test_the_last_slots_are_not_taken_to_be_gone_while_a_neighbour_claims(crowd: Crowd) -> None:
    """As many slots as people: nobody may be sent away because the row was locked just then."""
    project = make_project("room_for_all", answers_per_item=PEOPLE)
    make_item(project)
    people = [make_member(project, username=f"person_{i}") for i in range(PEOPLE)]
    assert len(crowd("claim_once", people, project=project.slug)) == PEOPLE


def test_the_same_submission_many_times_at_once_is_one_annotation(crowd: Crowd) -> None:
    project = make_project("click", answers_per_item=1)
    item = make_item(project)
    annotator = make_member(project)
    assignment = services.claim_next(project, annotator)
    assert assignment is not None
    clones = [User(username=f"click_{i}") for i in range(PEOPLE)]
    said = crowd("submit_same_key", clones, assignment=str(assignment.key))
    assert len(said) == PEOPLE
    assert {fact["annotation"] for fact in said} == {Annotation.objects.get().pk}
    item.refresh_from_db()
    assert (item.answer_count, item.open_slots) == (1, 0)


def test_one_person_in_many_tabs_gets_different_items(crowd: Crowd) -> None:
    project: Project = make_project("tabs")
    for _ in range(3):
        make_item(project)
    one = make_member(project, username="person_0")
    said = crowd("claim_once", [one] * 3, project=project.slug)
    assert len(said) == 3
    assert Assignment.objects.filter(annotator=one).values("item").distinct().count() == 3


@pytest.mark.skipif(not ON_POSTGRES, reason="SQLite locks no rows: one writer at a time")
def test_whoever_waits_for_an_item_holds_no_other() -> None:
    """Else two who wait for each other's row would end in a deadlock.

    Somebody is at both of the last items; the first one is filled meanwhile, and the person who
    waited for it goes on to wait for the second.
    """
    project = make_project("queue_up", answers_per_item=1)
    filled, busy = make_item(project), make_item(project)
    person = make_member(project)
    with ThreadPoolExecutor() as pool, another_connection() as one, another_connection() as two:
        lock(one, filled)
        lock(two, busy)
        claimed = pool.submit(claim_and_hang_up, project, person)
        wait_until_somebody_waits_for(one)
        with one.cursor() as cursor:
            cursor.execute("UPDATE annotation_item SET open_slots = 0 WHERE id = %s", [filled.pk])
        one.commit()
        wait_until_somebody_waits_for(two)
        lock(one, filled)
        one.rollback()
        two.rollback()
        assert claimed.result(timeout=SECONDS) == busy.pk


@contextmanager
def another_connection() -> Iterator[BaseDatabaseWrapper]:
    copy = connection.copy()
    try:
        yield copy
    finally:
        copy.close()


def lock(by: BaseDatabaseWrapper, item: Item) -> None:
    by.set_autocommit(False)
    with by.cursor() as cursor:
        cursor.execute("SELECT id FROM annotation_item WHERE id = %s FOR UPDATE NOWAIT", [item.pk])


def claim_and_hang_up(project: Project, person: User) -> int | None:
    assignment = services.claim_next(project, person)
    connection.close()
    return assignment and assignment.item_id


def wait_until_somebody_waits_for(holder: BaseDatabaseWrapper) -> None:
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))", [process]
            )
            if cursor.fetchone():
                return
        time.sleep(0.01)
    raise AssertionError("Nobody came to wait for the item.")
