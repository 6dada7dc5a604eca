"""Querysets that Django compiles once a process, for what the queue asks with every request.

Building and compiling such a query, and making rows of its answer, costs Django's Python more than
answering it costs the database. A `Compiled` query is written like any other, with a marker for
each value, and is compiled with the markers at its first call; each call puts its values in their
places. It gives what the queryset would have given.

    OPEN_PAUSE = Compiled(
        lambda project, user: Pause.objects.filter(project=project, annotator=user, ended=None),
        project=int,
        user=int,
    )
    pause = OPEN_PAUSE.first(project=project.pk, user=user.pk)

PostgreSQL prepares such a statement once a connection, and plans it once (`plan_cache_mode` in the
settings): what is the same at each call stands in the statement itself, so that partial indexes are
found. With PgBouncer between, that needs its version 1.21. Where statements are logged or counted,
they go the ordinary way, and show their values.

A value stands where the statement has a parameter: limits do not, and None is another statement.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from select import select
from typing import Any, Generic, TypeVar
from uuid import UUID

import psycopg
from django.core.exceptions import ObjectDoesNotExist
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Model, QuerySet
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    ValuesListIterable,
    get_related_populators,
)
from django.db.models.sql import InsertQuery, UpdateQuery
from django.utils.duration import duration_microseconds
from psycopg.types.datetime import TimestamptzLoader

Row = TypeVar("Row")
Made = TypeVar("Made", bound=Model)
Value = int | str | float | UUID | date | datetime | timedelta

# Values that occur nowhere else. The ints fit the smallest integer column there is.
MARKERS: dict[type, Callable[[int], Value]] = {
    int: lambda n: 30_501 + n,
    str: lambda n: f"\ue000marker {n}\ue000",
    float: lambda n: 0.30501e-9 + n * 1e-15,
    UUID: lambda n: UUID(int=0x9B0C << 112 | n),
    date: lambda n: date(1971, 1, 2) + timedelta(days=n),
    datetime: lambda n: datetime(1971, 1, 2, microsecond=30_501 + n, tzinfo=UTC),
    timedelta: lambda n: timedelta(days=-30_501, microseconds=n),
}


class Compiled(Generic[Row]):
    """A query: see above. `kinds` are the types of the values that `build` takes."""

    def __init__(self, build: Callable[..., QuerySet[Any, Row]], **kinds: type) -> None:
        self.build, self.markers = build, _markers(kinds)
        self.ready: dict[str, tuple[Statement, _RowMaker]] = {}  # by kind of database

    def __call__(self, **values: Value) -> list[Row]:
        connection = connections[DEFAULT_DB_ALIAS]
        if connection.vendor not in self.ready:
            queryset = self.build(**self.markers)
            compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
            sql, params = compiler.as_sql()
            statement = Statement(sql, params, self.markers, connection)
            self.ready[connection.vendor] = statement, _RowMaker(queryset, compiler)
        statement, maker = self.ready[connection.vendor]
        with execute(connection, *statement.filled(values, connection)) as told:
            return [maker.make(each, connection) for each in told.fetchall()]

    def first(self, **values: Value) -> Row | None:
        """The first row; that no more are fetched is for `build` to say."""
        return next(iter(self(**values)), None)

    def one(self, **values: Value) -> Row:
        """The only row. Raises ObjectDoesNotExist when there is none."""
        row = self.first(**values)
        if row is None:
            raise ObjectDoesNotExist(f"No row for {values}.")
        return row


class CompiledUpdate:
    """An update; `build` gives the rows and what to set, values or expressions, by field."""

    def __init__(
        self, build: Callable[..., tuple[QuerySet[Any, Any], dict[str, Any]]], **kinds: type
    ) -> None:
        self.build, self.markers = build, _markers(kinds)
        self.ready: dict[str, Statement] = {}

    def __call__(self, **values: Value) -> int:
        """How many rows were updated."""
        connection = connections[DEFAULT_DB_ALIAS]
        if connection.vendor not in self.ready:
            queryset, changes = self.build(**self.markers)
            query: Any = queryset.query.chain(UpdateQuery)
            query.add_update_values(changes)
            sql, params = query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
            self.ready[connection.vendor] = Statement(sql, params, self.markers, connection)
        statement = self.ready[connection.vendor]
        with execute(connection, *statement.filled(values, connection)) as told:
            return int(told.rowcount)


class CompiledInsert(Generic[Made]):
    """Inserts objects of a model as `save` would, but sends no signal.

    Django's `save` is left to do it where a database cannot return the key (SQLite before 3.35).
    """

    def __init__(self, model: type[Made]) -> None:
        self.fields = [f for f in model._meta.local_concrete_fields if not f.primary_key]
        self.ready: dict[str, str] = {}

    def __call__(self, made: Made) -> None:
        """Insert it; it has its key afterwards."""
        connection = connections[DEFAULT_DB_ALIAS]
        if not connection.features.can_return_columns_from_insert:
            made.save(force_insert=True)
            return
        if connection.vendor not in self.ready:
            query = InsertQuery(type(made))
            query.insert_values(self.fields, [made])
            compiler: Any = query.get_compiler(DEFAULT_DB_ALIAS)
            compiler.returning_fields = [made._meta.pk]
            ((self.ready[connection.vendor], _),) = compiler.as_sql()
        params = [
            field.get_db_prep_save(field.pre_save(made, add=True), connection)
            for field in self.fields
        ]
        with execute(connection, self.ready[connection.vendor], params) as told:
            (made.pk,) = told.fetchone()
        made._state.adding, made._state.db = False, DEFAULT_DB_ALIAS


class CompiledSQL:
    """A query in SQL of our own, its values by name: %(name)s."""

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def __call__(self, **values: Value) -> list[tuple[Any, ...]]:
        with execute(connections[DEFAULT_DB_ALIAS], self.sql, values) as told:
            return list(told.fetchall())


# --- the database ---------------------------------------------------------------------------------

make_cursor: Any = ServerBindingCursor  # the stubs know psycopg 2 alone
find_populators: Any = get_related_populators  # and those of a newer Django


@contextmanager
def execute(connection: Any, sql: str, params: Any) -> Iterator[Any]:
    """A cursor that holds the database's answer."""
    if (
        connection.vendor != "postgresql"
        or connection.queries_logged
        or connection.execute_wrappers
    ):
        with connection.cursor() as ordinary:
            ordinary.execute(sql, params)
            yield ordinary
        return
    check_health(connection)
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        cursor = prepared_cursor(connection)
        cursor.execute(sql, params)
        yield cursor


def prepared_cursor(connection: Any) -> Any:
    """The one cursor of this connection to PostgreSQL whose statements are prepared."""
    raw = connection.connection
    kept = getattr(connection, "prepared_cursor", None)
    if kept is not None and kept.connection is raw:
        return kept
    raw.prepare_threshold = 0  # Django's None forbids it; its own cursors never prepare
    cursor = connection.prepared_cursor = make_cursor(raw)
    # Django's own is written in Python; both give the session's time zone, which is UTC.
    cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
    return cursor


def check_health(connection: Any) -> None:
    """What CONN_HEALTH_CHECKS asks for, without asking the database in every request.

    A server that ended a connection has said so on it. Only where there is something to read is
    the connection tried as Django does.
    """
    if connection.connection is None or connection.health_check_done:
        return
    if not connection.health_check_enabled:
        return
    try:
        readable, _, _ = select([connection.connection.fileno()], [], [], 0)
    except (OSError, ValueError, psycopg.Error):  # it is closed on this side
        readable = [None]
    if readable:
        connection.close_if_health_check_failed()
    else:
        connection.health_check_done = True


class Statement:
    """SQL with the places of its values. On PostgreSQL all other parameters are written into it."""

    def __init__(
        self, sql: str, params: Any, markers: dict[str, Value], connection: BaseDatabaseWrapper
    ) -> None:
        names = {_adapted(marker, connection): name for name, marker in markers.items()}
        found = [
            (names[param], type(param)) if isinstance(param, Value) and param in names else None
            for param in params
        ]
        missing = set(markers) - {place[0] for place in found if place}
        if missing:
            raise TypeError(f"The statement has no place for {', '.join(sorted(missing))}: {sql}")
        if connection.vendor == "postgresql":
            connection.ensure_connection()
            quoted = psycopg.ClientCursor(connection.connection)
            written = [
                "%s" if place else quoted.mogrify("%s", [param]).replace("%", "%%")
                for param, place in zip(params, found, strict=True)
            ]
            sql = sql.replace("%%", "%%%%") % tuple(written)
            found = [place for place in found if place]
            params = [None] * len(found)
        self.sql, self.params = sql, list(params)
        self.places: list[tuple[int, str, Any]] = [
            (n, *place) for n, place in enumerate(found) if place
        ]

    def filled(
        self, values: dict[str, Value], connection: BaseDatabaseWrapper
    ) -> tuple[str, list[Any]]:
        params = list(self.params)
        for place, name, kind in self.places:
            value: Any = _adapted(values[name], connection)
            # psycopg's own ints say how wide the column is
            params[place] = kind(value) if isinstance(value, int) else value
        return self.sql, params


class _RowMaker:
    """What Django's iterables make of a row, with all that is the same for each row found before.

    Takes querysets of models, with what they select, and of `values_list`, named ones left out.
    """

    def __init__(self, queryset: QuerySet[Any, Any], compiler: Any) -> None:
        self.kind: Any = queryset._iterable_class
        if self.kind not in (ModelIterable, ValuesListIterable, FlatValuesListIterable):
            raise TypeError("A compiled query gives models, tuples or single values.")
        columns = [column for column, *_ in compiler.select[: compiler.col_count]]
        self.converters = list(compiler.get_converters(columns).items())
        if self.kind is ModelIterable:
            of = compiler.klass_info
            self.model = of["model"]
            self.fields = slice(of["select_fields"][0], of["select_fields"][-1] + 1)
            self.names = [column.target.attname for column in columns[self.fields]]
            self.joined = find_populators(of, compiler.select, DEFAULT_DB_ALIAS)
            self.annotated = list((compiler.annotation_col_map or {}).items())

    def make(self, told: Sequence[Any], connection: BaseDatabaseWrapper) -> Any:
        row = list(told)
        for place, (convert, expression) in self.converters:
            for each in convert:
                row[place] = each(row[place], expression, connection)
        if self.kind is FlatValuesListIterable:
            return row[0]
        if self.kind is ValuesListIterable:
            return tuple(row)
        made = self.model.from_db(DEFAULT_DB_ALIAS, self.names, row[self.fields])
        for model in self.joined:
            model.populate(row, made)
        for name, place in self.annotated:
            setattr(made, name, row[place])
        return made


def _markers(kinds: dict[str, type]) -> dict[str, Value]:
    return {name: MARKERS[kind](n) for n, (name, kind) in enumerate(kinds.items())}


def _adapted(value: Value, connection: BaseDatabaseWrapper) -> Any:
    """The value as the statement's parameters have it."""
    if isinstance(value, UUID):
        return value if connection.features.has_native_uuid_field else value.hex
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    if isinstance(value, timedelta) and not connection.features.has_native_duration_field:
        return duration_microseconds(value)
    return value
