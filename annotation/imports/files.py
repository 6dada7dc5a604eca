"""Files as a stream of numbered records: JSON lines, CSV or Parquet, the first two also gzipped.

A record is a dictionary, or a LineInvalid for a line that is none. Nothing in a file can make this
crash or fill the memory: lines, records and what a packed file unpacks to are bounded. A file that
cannot be read on at all raises FileUnreadable.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

MAX_LINE_BYTES = 4 * 2**20
MAX_RECORD_BYTES = 4 * MAX_LINE_BYTES  # a CSV record may go over several lines
MAX_UNPACKED_RATIO = 200  # text packs about 3 to 10 times; a bomb a thousand times
UNPACKED_ALLOWANCE = 64 * 2**20
MAX_FOOTER_BYTES = 16 * 2**20
MAX_COLUMNS = 500
MAX_ROW_GROUP_BYTES = 2**30
PARQUET_BATCH = 256

GZIP_MAGIC, PARQUET_MAGIC = b"\x1f\x8b", b"PAR1"
BOM = b"\xef\xbb\xbf"
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")

Record = dict[str, Any]


class FileUnreadable(ValueError):
    """The file as a whole cannot be read; the message says why."""


class LineInvalid(ValueError):
    """One line cannot be taken; the message says why. What was read before and after stands."""


def records(path: Path, name: str = "") -> Iterator[tuple[int, Record | LineInvalid]]:
    """(line number from 1, record) for every line that is not blank.

    `name` is the file's own name where `path` is not; its suffix tells CSV from JSON lines.
    """
    shown = (name or path.name).lower()
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == PARQUET_MAGIC:
        yield from _parquet_records(path)
        return
    packed = magic[:2] == GZIP_MAGIC
    plain = shown.removesuffix(".gz")
    if plain.endswith(".parquet"):
        raise FileUnreadable(f"{name or path.name} is not a Parquet file (its first bytes differ).")
    read = _csv_records if plain.endswith(".csv") else _json_records
    with path.open("rb") as file:
        limit = UNPACKED_ALLOWANCE + MAX_UNPACKED_RATIO * path.stat().st_size
        lines = _lines(gzip.GzipFile(fileobj=file) if packed else file, limit)
        try:
            yield from read(lines)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise FileUnreadable(f"The packed file is damaged: {error}.") from error


def _lines(file: IO[bytes] | gzip.GzipFile, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """(number, line) with None for a line that is too long; its bytes are passed over."""
    number = taken = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        taken += len(line)
        too_long = len(line) > MAX_LINE_BYTES
        while too_long and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)
            taken += len(line)
            if not line:
                break
            _check_unpacked(taken, limit)
        _check_unpacked(taken, limit)
        if number == 1:
            line = line.removeprefix(BOM)
        yield number, None if too_long else line


def _check_unpacked(taken: int, limit: int) -> None:
    if taken > limit:
        raise FileUnreadable(
            f"The packed file unpacks to more than {limit:,} bytes, {MAX_UNPACKED_RATIO} times its"
            " size. Unpack it yourself if that is right."
        )


TOO_LONG = f"The line is longer than {MAX_LINE_BYTES // 2**20} MiB."


def _json_records(
    lines: Iterator[tuple[int, bytes | None]],
) -> Iterator[tuple[int, Record | LineInvalid]]:
    for number, line in lines:
        if line is None:
            yield number, LineInvalid(TOO_LONG)
        elif line.strip():
            yield number, _json_record(line)


def _json_record(line: bytes) -> Record | LineInvalid:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:  # too deep, no UTF-8 and lone surrogates among them
        return LineInvalid(f"Not valid JSON: {error}.")
    if not isinstance(record, dict):
        return LineInvalid("The line is not a JSON object with named fields.")
    return record


class _RecordTooLong(Exception):
    pass


class _CsvFeed:
    """Hands lines to the csv module as text, and knows how much one record has taken."""

    def __init__(self, lines: Iterator[tuple[int, bytes | None]]) -> None:
        self.lines = lines
        self.number = 0  # of the last line handed over
        self.record_start = 0  # number of the line on which the record in hand began
        self.record_bytes = 0

    def start_record(self) -> None:
        self.record_start, self.record_bytes = 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number, line = next(self.lines)
        self.record_start = self.record_start or self.number
        if line is None:
            raise _RecordTooLong
        self.record_bytes += len(line)
        if self.record_bytes > MAX_RECORD_BYTES:
            raise _RecordTooLong
        # Bytes that are no UTF-8 become lone surrogates, which the checks of the text refuse.
        return line.decode("utf-8", "surrogateescape")


def _csv_records(
    lines: Iterator[tuple[int, bytes | None]],
) -> Iterator[tuple[int, Record | LineInvalid]]:
    csv.field_size_limit(MAX_RECORD_BYTES)
    feed = _CsvFeed(lines)
    reader = csv.reader(feed, strict=True)
    header: list[str] | None = None
    while True:
        feed.start_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _RecordTooLong) as error:
            reason = TOO_LONG if isinstance(error, _RecordTooLong) else f"Not valid CSV: {error}."
            if header is None:
                raise FileUnreadable(f"The first line names no columns. {reason}") from error
            yield feed.record_start, LineInvalid(reason)
            reader = csv.reader(feed, strict=True)  # the old one is in the middle of a record
            continue
        if not fields:
            continue
        if header is None:
            header = [name.strip() for name in fields]
            if len(set(header)) < len(header):
                raise FileUnreadable("The first line names a column twice.")
        elif len(fields) != len(header):
            reason = f"There are {len(fields)} fields; the first line names {len(header)}."
            yield feed.record_start, LineInvalid(reason)
        else:
            yield feed.record_start, dict(zip(header, fields, strict=True))


def _parquet_records(path: Path) -> Iterator[tuple[int, Record | LineInvalid]]:
    _check_footer(path)
    try:
        with pq.ParquetFile(
            path,
            pre_buffer=False,
            thrift_string_size_limit=MAX_FOOTER_BYTES,
            thrift_container_size_limit=2**20,
        ) as file:
            _check_shape(file)
            number = 0
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(PARQUET_BATCH, row_groups=[group]):
                    for record in batch.to_pylist():
                        number += 1
                        yield number, record
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0][:300]
        raise FileUnreadable(f"The Parquet file cannot be read: {reason}") from error


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
    for group in range(file.num_row_groups):
        if file.metadata.row_group(group).total_byte_size > MAX_ROW_GROUP_BYTES:
            limit = MAX_ROW_GROUP_BYTES // 2**20
            raise FileUnreadable(
                f"Row group {group + 1} unpacks to more than {limit} MiB. Write the file again with"
                " smaller row groups."
            )
    for field in file.schema_arrow:
        if isinstance(field.type, pa.BaseExtensionType):
            raise FileUnreadable(
                f"Column {field.name} has the extension type {field.type}, which is not taken."
            )
