"""Columns of whole numbers out of the database as arrays: what statistics of a project start from.

PostgreSQL sends a column as one array in its binary form, which numpy reads as it is: a million
rows take about as long as the query does. Other databases send them row by row.
"""

from typing import Any

import numpy as np
import psycopg
from django.db import connection, transaction
from django.db.models import BigIntegerField, Expression, F, QuerySet
from django.db.models.functions import Cast
from numpy.typing import NDArray
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format

Ints = NDArray[np.int64]
Columns = dict[str, Ints]

CHUNK = 10_000
# Joins of a whole project fit into this, where PostgreSQL's default would write them to the disk;
# compiling the query takes as long as it saves. A few numbers a row cost little to hand over, so
# what can be joined by several processes is.
ROOM = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL parallel_tuple_cost = 0.001"

# An array as PostgreSQL sends it: its dimensions, then each value with its length, big-endian.
INT8_ARRAY = 1016
HEADER_BYTES = 20
ELEMENT = np.dtype([("bytes", ">i4"), ("value", ">i8")])


class ArrayLoader(Loader):
    """A bigint[] without NULL as an array of numpy."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Ints:
        elements = np.frombuffer(data, dtype=ELEMENT, offset=min(HEADER_BYTES, len(data)))
        return elements["value"].astype(np.int64)


def int_columns(rows: QuerySet[Any], **columns: Expression | F) -> Columns:
    """The columns, by name, of all rows; none of them may be NULL."""
    numbers = {f"int_{name}": Cast(each, BigIntegerField()) for name, each in columns.items()}
    chosen = rows.order_by().annotate(**numbers).values_list(*numbers)
    read = _as_arrays if connection.vendor == "postgresql" else _one_by_one
    return dict(zip(columns, read(chosen, list(numbers)), strict=True))


def _as_arrays(chosen: QuerySet[Any], names: list[str]) -> list[Ints]:
    arrays = ", ".join(f'array_agg(found."{name}")' for name in names)
    query, values = chosen.query.sql_with_params()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ROOM)
        written = psycopg.ClientCursor(connection.connection).mogrify(query, values)
        with psycopg.Cursor(connection.connection) as raw:
            raw.adapters.register_loader(INT8_ARRAY, ArrayLoader)
            asked = f"SELECT {arrays} FROM ({written}) found"  # noqa: S608  # as Django wrote it
            raw.execute(asked.encode(), binary=True)
            sent: Any = raw.fetchone()
    return [np.zeros(0, dtype=np.int64) if column is None else column for column in sent]


def _one_by_one(chosen: QuerySet[Any], names: list[str]) -> list[Ints]:
    table = np.array(list(chosen.iterator(chunk_size=CHUNK)), dtype=np.int64)
    return list(table.reshape(len(table), len(names)).T)
