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
from typing import IO

import orjson

from annotation.imports.lines import FileUnreadable, LineInvalid, Record
from annotation.imports.parquet import PARQUET_MAGIC, parquet_records

MAX_LINE_BYTES = 4 * 2**20
MAX_RECORD_BYTES = 4 * MAX_LINE_BYTES  # a CSV record may go over several lines
MAX_UNPACKED_RATIO = 200  # text packs about 3 to 10 times; a bomb a thousand times
UNPACKED_ALLOWANCE = 64 * 2**20

GZIP_MAGIC = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".parquet")

__all__ = ["SUFFIXES", "FileUnreadable", "LineInvalid", "Record", "records"]


def records(path: Path, name: str = "") -> Iterator[tuple[int, Record | LineInvalid]]:
    """(line number from 1, record) for every line that is not blank.

    `name` is the file's own name where `path` is not; its suffix tells CSV from JSON lines.
    """
    shown = (name or path.name).lower()
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == PARQUET_MAGIC:
        yield from parquet_records(path)
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


NOT_UTF8 = "Save the file as UTF-8, then import it again."
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
        self.is_utf8 = True

    def start_record(self) -> None:
        self.record_start, self.record_bytes, self.is_utf8 = 0, 0, True

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
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            self.is_utf8 = False  # of the record in hand, which is read on to its end
            return line.decode("latin-1")


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
        if not feed.is_utf8 and header is None:
            raise FileUnreadable(f"The first line is not UTF-8. {NOT_UTF8}")
        if not feed.is_utf8:
            yield feed.record_start, LineInvalid(f"The line is not UTF-8. {NOT_UTF8}")
        elif header is None:
            header = [name.strip() for name in fields]
            if len(set(header)) < len(header):
                raise FileUnreadable("The first line names a column twice.")
        elif len(fields) != len(header):
            reason = f"There are {len(fields)} fields; the first line names {len(header)}."
            yield feed.record_start, LineInvalid(reason)
        else:
            yield feed.record_start, dict(zip(header, fields, strict=True))
