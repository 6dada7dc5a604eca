"""Parquet as a stream of numbered records, in bounded memory whatever the file promises.

A file of a few hundred bytes can say a text of megabytes a thousand times over, or a list of
millions of nothing. So texts stay references into the file's dictionary while they are read, and
are written out only after what that makes was counted.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from annotation.imports.lines import FileUnreadable, LineInvalid, Record

PARQUET_MAGIC = b"PAR1"
MAX_FOOTER_BYTES = 16 * 2**20
MAX_COLUMNS = 500
MAX_ROW_GROUP_BYTES = 2**30
MAX_RATIO, RATIO_ALLOWANCE = 200, 64 * 2**20  # unpacked to packed, as for other packed files
MAX_VALUES = 20_000_000  # of a column, in one row group
MAX_FIXED_BYTES = 1024
BATCH = 256
BATCH_BYTES = 64 * 2**20  # written out at once
MAX_RECORD_BYTES = 16 * 2**20
BYTES_A_VALUE = 64  # about what Python takes for any


def parquet_records(path: Path) -> Iterator[tuple[int, Record | LineInvalid]]:
    """(row number from 1, record) for every row. Raises FileUnreadable."""
    _check_footer(path)
    try:
        with _opened(path) as file:
            _check_shape(file)
            texts = _text_columns(file)
        with _opened(path, read_dictionary=texts) as file:
            number = 0
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(BATCH, row_groups=[group]):
                    for record in _written_out(batch):
                        number += 1
                        yield number, record
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"The Parquet file cannot be read: {_reason(error)}") from error


def _opened(path: Path, **options: list[str]) -> pq.ParquetFile:
    return pq.ParquetFile(
        path,
        pre_buffer=False,
        thrift_string_size_limit=MAX_FOOTER_BYTES,
        thrift_container_size_limit=2**20,
        **options,
    )


def _written_out(batch: pa.RecordBatch) -> Iterator[Record | LineInvalid]:
    size = sum(_bytes_of(column) for column in batch.columns)
    if batch.num_rows == 1 and size > MAX_RECORD_BYTES:
        yield LineInvalid(f"The row takes more than {MAX_RECORD_BYTES // 2**20} MiB.")
        return
    if size <= BATCH_BYTES:
        try:
            yield from batch.to_pylist()
            return
        except (OverflowError, ValueError, pa.ArrowException) as error:
            if batch.num_rows == 1:
                yield LineInvalid(f"A value of the row cannot be read: {_reason(error)}")
                return
    middle = batch.num_rows // 2
    yield from _written_out(batch.slice(0, middle))
    yield from _written_out(batch.slice(middle))


def _bytes_of(column: pa.Array) -> int:
    """About what the column takes once it is written out, texts not counted once but each time."""
    own = BYTES_A_VALUE * len(column)
    if isinstance(column, pa.DictionaryArray):
        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
        return own + int(pc.sum(lengths).as_py() or 0)
    if isinstance(column, pa.StructArray):
        return own + sum(_bytes_of(child) for child in column.flatten())
    if isinstance(column, pa.MapArray):
        first, end = column.offsets[0].as_py(), column.offsets[-1].as_py()
        both = (column.keys, column.items)
        return own + sum(_bytes_of(each.slice(first, end - first)) for each in both)
    if isinstance(column, pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray):
        return own + _bytes_of(column.flatten())
    return own + int(column.nbytes)


def _check_footer(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - 8, 0))
        tail = file.read(8)
    footer = int.from_bytes(tail[:4], "little")
    if len(tail) < 8 or tail[4:] != PARQUET_MAGIC or footer > min(size - 12, MAX_FOOTER_BYTES):
        raise FileUnreadable("The Parquet file is cut off or damaged (its footer is not right).")


def _check_shape(file: pq.ParquetFile) -> None:
    """What the footer promises, before any page is unpacked."""
    if file.metadata.num_columns > MAX_COLUMNS:
        raise FileUnreadable(f"The Parquet file has more than {MAX_COLUMNS} columns.")
    names = file.schema_arrow.names
    if len(set(names)) < len(names):
        raise FileUnreadable("The Parquet file names a column twice.")
    for group in range(file.num_row_groups):
        _check_row_group(file.metadata.row_group(group), group + 1)
    for field in file.schema_arrow:
        if isinstance(field.type, pa.BaseExtensionType):
            raise FileUnreadable(
                f"Column {field.name} has the extension type {field.type}, which is not taken."
            )
    for number in range(len(file.schema)):
        column = file.schema.column(number)
        if column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length > MAX_FIXED_BYTES:
            raise FileUnreadable(
                f"Column {column.path} has values of {column.length:,} bytes each."
            )


def _check_row_group(group: pq.RowGroupMetaData, number: int) -> None:
    columns = [group.column(each) for each in range(group.num_columns)]
    unpacked = max(group.total_byte_size, sum(each.total_uncompressed_size for each in columns))
    packed = sum(each.total_compressed_size for each in columns)
    if unpacked > min(MAX_ROW_GROUP_BYTES, RATIO_ALLOWANCE + MAX_RATIO * packed):
        raise FileUnreadable(
            f"Row group {number} unpacks to {unpacked // 2**20:,} MiB, which is more than"
            f" {MAX_ROW_GROUP_BYTES // 2**20:,} MiB or {MAX_RATIO} times its size. Write the file"
            " again with smaller row groups, or as JSON lines."
        )
    for each in columns:
        if each.num_values > MAX_VALUES:
            raise FileUnreadable(
                f"Row group {number} holds more than {MAX_VALUES:,} values of"
                f" {each.path_in_schema}. Write the file again with smaller row groups."
            )


def _text_columns(file: pq.ParquetFile) -> list[str]:
    columns = [file.schema.column(number) for number in range(len(file.schema))]
    return [each.path for each in columns if each.physical_type == "BYTE_ARRAY"]


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
