"""Querysets that Django compiles once a process, for what the queue asks with every request.

Building and compiling such a query costs Django's Python more than answering it costs the database.
A `Compiled` query is written like any other, with a marker for each value, and is compiled with the
markers at its first call; each call puts its values in their places. It gives what the queryset
would have given.

    OPEN_PAUSE = Compiled(
        lambda project, user: Pause.objects.filter(project=project, annotator=user, ended=None),
        project=int,
        user=int,
    )
    pause = OPEN_PAUSE.first(project=project.pk, user=user.pk)

PostgreSQL prepares such a statement once a connection, so it does not plan it anew either. (With
PgBouncer between, that needs its version 1.21.)

A value stands where the statement has a parameter: limits do not, and None is another statement.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import QuerySet
from django.db.models.sql import UpdateQuery
from django.utils.duration import duration_microseconds

Row = TypeVar("Row")
Value = int | str | float | UUID | date | datetime | timedelta

PREPARES = True  # off, the statements that are logged show their values
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
        self.ready: dict[str, tuple[Any, Any, Statement]] = {}  # by kind of database

    def __call__(self, **values: Value) -> list[Row]:
        connection = connections[DEFAULT_DB_ALIAS]
        if connection.vendor not in self.ready:
            queryset = self.build(**self.markers)
            compiler = queryset.query.get_compiler(DEFAULT_DB_ALIAS)
            sql, params = compiler.as_sql()
            statement = Statement(sql, params, self.markers, connection)
            self.ready[connection.vendor] = queryset, compiler, statement
        queryset, compiler, statement = self.ready[connection.vendor]
        mine = copy(compiler)  # what it found out about the columns stays; it keeps no results
        mine.connection = connection
        mine.as_sql = lambda: statement.filled(values, connection)
        with prepared(connection):
            return list(queryset._iterable_class(_Asked(queryset, mine)))

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
        with prepared(connection), connection.cursor() as cursor:
            cursor.execute(*self.ready[connection.vendor].filled(values, connection))
            return int(cursor.rowcount)


@contextmanager
def prepared(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """On PostgreSQL, send the values apart from the statement, and the statement once."""
    if connection.vendor != "postgresql" or not PREPARES:
        yield
        return
    connection.ensure_connection()
    raw = connection.connection
    before = raw.cursor_factory, raw.prepare_threshold
    raw.cursor_factory, raw.prepare_threshold = ServerBindingCursor, 3
    try:
        yield
    finally:
        raw.cursor_factory, raw.prepare_threshold = before


class Statement:
    """SQL with the places of its values."""

    def __init__(
        self, sql: str, params: Any, markers: dict[str, Value], connection: BaseDatabaseWrapper
    ) -> None:
        self.sql, self.params = sql, tuple(params)
        names = {_adapted(marker, connection): name for name, marker in markers.items()}
        self.places: list[tuple[int, str, Any]] = [
            (place, names[param], type(param))
            for place, param in enumerate(self.params)
            if isinstance(param, Value) and param in names
        ]
        missing = set(markers) - {name for _, name, _ in self.places}
        if missing:
            raise TypeError(f"The statement has no place for {', '.join(sorted(missing))}: {sql}")

    def filled(
        self, values: dict[str, Value], connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        params = list(self.params)
        for place, name, kind in self.places:
            value = _adapted(values[name], connection)
            # psycopg's own ints say how wide the column is
            params[place] = kind(value) if isinstance(value, int) else value
        return self.sql, tuple(params)


class _Asked:
    """What Django's row iterators ask of a queryset."""

    def __init__(self, queryset: Any, compiler: Any) -> None:
        self.db, self.query, self._fields = DEFAULT_DB_ALIAS, self, queryset._fields
        self._known_related_objects: dict[Any, Any] = {}
        self.queryset, self.compiler = queryset, compiler

    def get_compiler(self, using: str) -> Any:
        return self.compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queryset.query, name)


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
