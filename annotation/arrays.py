"""Columns of whole numbers out of the database as arrays: what statistics of a project start from.

PostgreSQL sends them in its binary form (COPY), which numpy reads as it is: a million rows take
about as long as the query does. Other databases send them row by row.
"""

from typing import Any

import numpy as np
from django.db import connection
from django.db.models import BigIntegerField, Expression, F, QuerySet
from django.db.models.functions import Cast
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Columns = dict[str, Ints]

HEADER_BYTES, TRAILER_BYTES = 19, 2
CHUNK = 10_000


def int_columns(rows: QuerySet[Any], **columns: Expression | F) -> Columns:
    """The columns, by name, of all rows; none of them may be NULL."""
    numbers = {f"int_{name}": Cast(each, BigIntegerField()) for name, each in columns.items()}
    chosen = rows.order_by().annotate(**numbers).values_list(*numbers)
    read = _copied if connection.vendor == "postgresql" else _one_by_one
    return dict(zip(columns, read(chosen, len(columns)), strict=True))


def _copied(chosen: QuerySet[Any], count: int) -> list[Ints]:
    query, values = chosen.query.sql_with_params()
    with connection.cursor() as cursor:
        copying: Any = cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", values)
        with copying as copy:
            sent = b"".join(copy)
    # A row: how many fields, then each with its length; all are big-endian.
    fields = [
        (f"{kind}{n}", code) for n in range(count) for kind, code in (("b", ">i4"), ("n", ">i8"))
    ]
    row = np.dtype([("fields", ">i2"), *fields])
    rows = (len(sent) - HEADER_BYTES - TRAILER_BYTES) // row.itemsize
    table = np.frombuffer(sent, dtype=row, offset=HEADER_BYTES, count=rows)
    return [table[f"n{n}"].astype(np.int64) for n in range(count)]


def _one_by_one(chosen: QuerySet[Any], count: int) -> list[Ints]:
    table = np.array(list(chosen.iterator(chunk_size=CHUNK)), dtype=np.int64)
    return list(table.reshape(len(table), count).T)
