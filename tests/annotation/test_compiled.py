"""Compiled queries give what their querysets give, and keep nothing of an earlier call."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, QuerySet, Value
from django.test.utils import CaptureQueriesContext

from annotation.compiled import Compiled, CompiledInsert, CompiledSQL, CompiledUpdate
from annotation.models import Annotation, Assignment, Item, Project, Tally
from tests.builders import make_assignment, make_item

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def of(project: int, place: int) -> QuerySet[Item]:
    rows = Item.objects.filter(project=project, place__lte=place)
    return rows.select_related("project", "prompt").order_by("place")


ITEMS = Compiled(of, project=int, place=int)
KEYS = Compiled(lambda **named: of(**named).values_list("key", "pk"), project=int, place=int)
PLACES = Compiled(lambda project: of(project, 9).values_list("place", flat=True), project=int)


@pytest.fixture
def placed(project: Project) -> list[Item]:
    items = [make_item(project, [f"one {n}", f"two {n}"]) for n in range(3)]
    for place, item in enumerate(items):
        Item.objects.filter(pk=item.pk).update(place=place)
    return items


def test_rows_are_those_of_the_queryset(project: Project, placed: list[Item]) -> None:
    for place in (1, 0, 2):
        values = {"project": project.pk, "place": place}
        assert ITEMS(**values) == list(of(**values)) == placed[: place + 1]
        assert KEYS(**values) == [(item.key, item.pk) for item in placed[: place + 1]]
    assert PLACES(project=project.pk) == [0, 1, 2]
    assert ITEMS(project=project.pk + 1, place=2) == []


def test_what_was_joined_comes_with_it(project: Project, placed: list[Item]) -> None:
    with CaptureQueriesContext(connection) as asked:
        found = ITEMS.one(project=project.pk, place=0)
        assert (found.project, found.prompt) == (project, placed[0].prompt)
    assert len(asked) == 1


def test_none_and_the_only_one(project: Project, placed: list[Item]) -> None:
    assert ITEMS.first(project=project.pk, place=-1) is None
    with pytest.raises(ObjectDoesNotExist, match="place"):
        ITEMS.one(project=project.pk, place=-1)


def test_values_of_every_kind(project: Project, annotator: User, placed: list[Item]) -> None:
    turn = make_assignment(placed[0], annotator)
    fields: dict[str, tuple[type, Any, Any]] = {
        "key": (uuid.UUID, turn.key, uuid.uuid4()),
        "status": (str, "leased", "it's 100 % \\ \u05d0"),
        "active_seconds": (float, 0.0, 0.5),
        "claimed": (datetime, NOON, NOON + timedelta(microseconds=1)),
        "display_seed": (int, turn.display_seed, 2**62),
    }
    Assignment.objects.filter(pk=turn.pk).update(claimed=NOON)
    for field, (kind, right, wrong) in fields.items():
        query = Compiled(
            lambda value, field=field: Assignment.objects.filter(**{field: value}), value=kind
        )
        assert query(value=wrong) == []
        assert query(value=right) == [turn], field
        assert query(value=wrong) == []


def test_an_update_says_how_many_rows(project: Project, annotator: User) -> None:
    tally = Tally.objects.create(project=project, annotator=annotator, answered=2)
    count = CompiledUpdate(
        lambda person, more, day: (
            Tally.objects.filter(annotator=person),
            {"answered": F("answered") + more, "day": day},
        ),
        person=int,
        more=int,
        day=date,
    )
    for more in (1, 30_000):
        assert count(person=annotator.pk, more=more, day=NOON.date()) == 1
    assert count(person=annotator.pk + 1, more=5, day=NOON.date()) == 0
    tally.refresh_from_db()
    assert (tally.answered, tally.day) == (30_003, NOON.date())


def test_an_update_by_a_time_span(project: Project, annotator: User, placed: list[Item]) -> None:
    turn = make_assignment(placed[0], annotator)
    Assignment.objects.filter(pk=turn.pk).update(claimed=NOON)
    end = CompiledUpdate(
        lambda turn, span: (
            Assignment.objects.filter(pk=turn),
            {
                "lease_until": ExpressionWrapper(
                    F("claimed") + Value(span), output_field=DateTimeField()
                )
            },
        ),
        turn=int,
        span=timedelta,
    )
    for seconds in (90.5, 7200):
        end(turn=turn.pk, span=timedelta(seconds=seconds))
        turn.refresh_from_db()
        assert turn.lease_until == NOON + timedelta(seconds=seconds)


def test_an_insert_is_what_save_would_have_stored(
    project: Project, annotator: User, placed: list[Item]
) -> None:
    insert = CompiledInsert(Annotation)
    for revision, answer in ((1, {"strength": 1, "words": "50 % \u05d0"}), (2, None)):
        turn = make_assignment(placed[revision], annotator)
        made = Annotation(assignment=turn, revision=revision, answer=answer, submit_key="it's")
        insert(made)
        stored = Annotation.objects.get(pk=made.pk)
        assert (stored.answer, stored.revision) == (answer, revision)
        assert stored.submit_key == "it's"
        assert stored.created == made.created
        made.rationale = "later"
        made.save()  # it knows that it is stored
    assert Annotation.objects.filter(rationale="later").count() == 2


def test_an_insert_where_the_database_returns_no_key(
    annotator: User, placed: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "postgresql":
        pytest.skip("PostgreSQL always returns it")
    monkeypatch.setattr(connection.features, "can_return_columns_from_insert", False)
    insert = CompiledInsert(Annotation)
    for revision in (1, 2):
        turn = make_assignment(placed[revision], annotator)
        made = Annotation(assignment=turn, revision=revision, answer=None, submit_key="k")
        insert(made)
        assert Annotation.objects.get(pk=made.pk).revision == revision


def test_an_insert_that_breaks_a_rule_is_refused_as_ever(placed: list[Item]) -> None:
    insert = CompiledInsert(Tally)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(Tally(project=placed[0].project, annotator_id=None))
    assert Tally.objects.count() == 0


def test_sql_of_our_own_takes_its_values_by_name(project: Project, placed: list[Item]) -> None:
    query = CompiledSQL(
        "SELECT id, place FROM annotation_item"
        " WHERE project_id = %(project)s AND place >= %(place)s ORDER BY place"
    )
    for place in (1, 2, 0):
        expected = [(item.pk, n) for n, item in enumerate(placed) if n >= place]
        assert query(project=project.pk, place=place) == expected


def test_what_is_the_same_at_each_call_stands_in_the_statement(
    project: Project, placed: list[Item]
) -> None:
    """A partial index is found by what stands in the statement, and 100 % is no placeholder."""
    Item.objects.filter(pk=placed[0].pk).update(arm="50 %s of 100 %")
    query = Compiled(
        lambda project: Item.objects.filter(project=project, arm="50 %s of 100 %"), project=int
    )
    assert query(project=project.pk) == query(project=project.pk) == [placed[0]]
    if connection.vendor == "postgresql":
        statement, _ = query.ready["postgresql"]
        assert "'50 %%s of 100 %%'" in statement.sql
        assert statement.params == [None]


def test_a_counted_statement_is_the_same(project: Project, placed: list[Item]) -> None:
    """Statements that are captured go the ordinary way; none is lost to who counts them."""
    uncounted = ITEMS(project=project.pk, place=1)
    with CaptureQueriesContext(connection) as asked:
        assert ITEMS(project=project.pk, place=1) == uncounted
    assert len(asked) == 1
    assert str(project.pk) in asked.captured_queries[0]["sql"]


def test_a_broken_transaction_is_refused(project: Project) -> None:
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(transaction.TransactionManagementError):
            ITEMS(project=project.pk, place=1)


def test_rows_of_dicts_are_refused(project: Project) -> None:
    query = Compiled(lambda item: Item.objects.filter(pk=item).values("key"), item=int)
    with pytest.raises(TypeError, match="models, tuples or single values"):
        query(item=1)


def test_rows_that_are_locked(project: Project, placed: list[Item]) -> None:
    query = Compiled(lambda item: Item.objects.select_for_update().filter(pk=item), item=int)
    for item in placed:
        with transaction.atomic():
            assert query.one(item=item.pk) == item


def test_a_value_without_a_place_is_refused() -> None:
    query = Compiled(lambda item, count: Item.objects.filter(pk=item)[:count], item=int, count=int)
    with pytest.raises(TypeError, match="no place for count"):
        query(item=1, count=1)


@pytest.mark.django_db(transaction=True)
def test_threads_share_it(project: Project, placed: list[Item]) -> None:
    def look(place: int) -> list[Item]:
        try:
            return ITEMS(project=project.pk, place=place)
        finally:
            connection.close()

    places = [0, 1, 2] * 10
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(look, places)) == [placed[: place + 1] for place in places]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_opened_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could end a connection")
    real = connections["default"]
    assert PLACES(project=project.pk) == []
    ended = real.connection
    with psycopg.connect(ended.info.dsn, password=ended.info.password, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [ended.info.backend_pid])
    monkeypatch.setattr(real, "health_check_enabled", True)
    real.health_check_done = False  # as at the beginning of a request
    assert PLACES(project=project.pk) == []
    assert real.connection is not ended
    assert real.prepared_cursor.connection is real.connection  # nothing keeps the old one
    again = real.connection
    real.health_check_done = False
    assert PLACES(project=project.pk) == []
    assert real.health_check_done
    assert real.connection is again
