"""Writes an export: one moment of the database, streamed into a file, with a manifest beside it.

The file is written aside, brought to the disk and renamed; then the manifest likewise. So whoever
finds a manifest finds the whole file, and an old export stays until the new one is complete.
"""

import hashlib
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from gzip import GzipFile
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection, transaction
from django.utils import timezone

from annotation.exports import EXPORTS, SUFFIXES, WITH_RETESTS
from annotation.exports.filters import clean_filters
from annotation.exports.merging import merging_of
from annotation.exports.rows import JudgedItem, judged_items
from annotation.models import Guideline, Project

BATCH = 1000  # rows in memory at once


class ExportRefused(ValueError):
    """Nothing can be written; the message says what to mend."""


def suffix_of(path: Path) -> str:
    """The suffix that decides how the file is written; raise ExportRefused for another one."""
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if path.name.endswith(f".{suffix}"):
            return suffix
    endings = ", ".join(f".{suffix}" for suffix in SUFFIXES)
    raise ExportRefused(f"{path.name}: the file's name must end with one of {endings}.")


def manifest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.manifest.json")


def write_export(
    project: Project,
    format_slug: str,
    path: Path,
    *,
    split: str | None = None,
    filters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write the judgements as they stand now to `path`; return the manifest.

    Raises ExportRefused for an unknown format or a bad path, FilterInvalid for a bad filter.
    Whatever goes wrong, no part of a file stays behind.
    """
    if format_slug not in EXPORTS:
        raise ExportRefused(f"{format_slug} is not a format; these are: {', '.join(EXPORTS)}.")
    chosen, suffix = clean_filters(filters or {}), suffix_of(path)
    if not path.parent.is_dir():
        raise ExportRefused(f"{path.parent} is not a folder; make it first.")
    export_format, counts = EXPORTS[format_slug], Counter[str]()
    versions_seen = Counter[int | None]()
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file, one_moment():
            started = timezone.now()
            merging = merging_of(project, chosen)
            judged = _noting_guidelines(
                judged_items(
                    project,
                    split=split,
                    filters=chosen,
                    with_retests=format_slug in WITH_RETESTS,
                    merging=merging,
                ),
                versions_seen,
            )
            rows = _counting(export_format.rows(judged, counts), export_format.SCHEMA.names, counts)
            WRITERS[suffix](rows, export_format.SCHEMA, file)
            guidelines = _guidelines(project, versions_seen)
            file.flush()
            os.fsync(file.fileno())
        manifest = {
            "format": format_slug,
            "project": project.slug,
            "file": path.name,
            "created": started.isoformat(),
            "rows": counts["rows"],
            "splits": {"train": counts["train"], "test": counts["test"]},
            "counts": {
                name: count
                for name, count in sorted(counts.items())
                if name not in ("rows", "train", "test")
            },
            "columns": export_format.SCHEMA.names,
            "split": split,
            "filters": chosen,
            "merging": merging.facts(project),
            "guidelines": guidelines,
            "sha256": _sha256(Path(aside)),
            "size_bytes": os.path.getsize(aside),
            "versions": {
                "python": platform.python_version(),
                "django": version("django"),
                "pyarrow": version("pyarrow"),
            },
        }
        # An older manifest must never stand beside a newer file.
        manifest_path(path).unlink(missing_ok=True)
        os.replace(aside, path)
        _write_whole(manifest_path(path), orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(aside)
        raise
    _sync_folder(path.parent)
    return manifest


@contextmanager
def one_moment() -> Iterator[None]:
    """All that is read inside belongs to one moment of the database.

    PostgreSQL: a read-only transaction at REPEATABLE READ. SQLite: a plain BEGIN, whose first read
    fixes the moment; Django's own would be IMMEDIATE and keep writers out. Inside of a transaction
    that is already open, that transaction decides.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")  # nothing was written


def _noting_guidelines(
    judged: Iterator[JudgedItem], seen: Counter[int | None]
) -> Iterator[JudgedItem]:
    for item in judged:
        seen.update(
            annotation.guideline.version if annotation.guideline else None
            for annotation in item.answers
        )
        yield item


def _guidelines(project: Project, seen: Counter[int | None]) -> list[dict[str, Any]]:
    """Which version of the guidelines the exported answers were given under."""
    texts = {
        guideline.version: hashlib.sha256(guideline.text.encode()).hexdigest()
        for guideline in Guideline.objects.filter(project=project)
    }
    return [
        {"version": number, "annotations": count, "sha256": texts.get(number) if number else None}
        for number, count in sorted(seen.items(), key=lambda pair: pair[0] or 0)
    ]


def _counting(
    rows: Iterator[dict[str, Any]], columns: list[str], counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        counts["rows"] += 1
        counts[row["split"]] += 1
        yield {column: row[column] for column in columns}


def _write_jsonl(
    rows: Iterator[dict[str, Any]], schema: pa.Schema, file: IO[bytes] | GzipFile
) -> None:
    for row in rows:
        file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


def _write_gzip(rows: Iterator[dict[str, Any]], schema: pa.Schema, file: IO[bytes]) -> None:
    # No name and no time inside: equal rows give equal bytes.
    with GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        _write_jsonl(rows, schema, packed)


def _write_parquet(rows: Iterator[dict[str, Any]], schema: pa.Schema, file: IO[bytes]) -> None:
    with pq.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


WRITERS: dict[str, Callable[[Iterator[dict[str, Any]], pa.Schema, IO[bytes]], None]] = {
    "jsonl": _write_jsonl,
    "jsonl.gz": _write_gzip,
    "parquet": _write_parquet,
}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_whole(path: Path, content: bytes) -> None:
    handle, aside = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
