"""Puts what a file says into the database: in batches, each one transaction, nothing twice.

Every line that is not blank is counted once: taken, known already, or rejected with a reason. A
batch is all or nothing, and what is there is recognised by its content, so an import that was cut
off is simply run again.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from annotation.imports.comparison_loader import ComparisonLoader
from annotation.imports.files import LineInvalid, Record, records
from annotation.imports.prompt_loader import PromptLoader
from annotation.imports.stops import ImportStopped, Superseded
from annotation.models import ImportBatch, ImportRejection, Project

BATCH_LINES = 500
BATCH_CHARS = 8 * 2**20
BATCH_THINGS = 2000  # prompts or comparisons; a line may hold many
MAX_REJECTED = 100_000
TRIES = 3  # of a batch that meets the same prompt being added by somebody else


@dataclass
class Batch:
    """Some lines of the file, read and checked but not stored yet."""

    parsed: list[tuple[int, list[Any]]] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    chars: int = 0
    things: int = 0

    @property
    def lines(self) -> int:
        return len(self.parsed) + len(self.rejected)

    @property
    def is_full(self) -> bool:
        return self.lines >= BATCH_LINES or self.chars >= BATCH_CHARS or self.things >= BATCH_THINGS


def load_file(job: ImportBatch, path: Path) -> None:
    """Read the whole file into the job's project, counting on the job's row.

    Raises FileUnreadable or ImportStopped when the file cannot be read on, and Superseded when the
    job's row is no longer this attempt's.
    """
    loader = PromptLoader(job) if job.kind == "prompts" else ComparisonLoader(job)
    rejected = 0
    for batch in _batches(records(path, job.file_name), loader.parse):
        rejected += len(batch.rejected)
        _store(job, loader, batch)
        if rejected > MAX_REJECTED:
            raise ImportStopped(
                f"More than {MAX_REJECTED:,} lines were rejected. Is this the right format?"
            )


def _batches(
    lines: Iterable[tuple[int, Record | LineInvalid]], parse: Callable[[Record], list[Any]]
) -> Iterator[Batch]:
    batch = Batch()
    for number, record in lines:
        try:
            if isinstance(record, LineInvalid):
                raise record
            parsed = parse(record)
        except LineInvalid as reason:
            batch.rejected.append((number, storable(str(reason))))
        else:
            batch.parsed.append((number, parsed))
            batch.chars += sum(thing.chars for thing in parsed)
            batch.things += len(parsed)
        if batch.is_full:
            yield batch
            batch = Batch()
    if batch.lines:
        yield batch


def storable(text: str) -> str:
    """A reason may quote the file: at most 500 characters, and only such as databases keep."""
    plain = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")[:500]
    return plain.encode("utf-8", "replace").decode()


def _store(job: ImportBatch, loader: "PromptLoader | ComparisonLoader", batch: Batch) -> None:
    for attempt in range(1, TRIES + 1):
        try:
            with transaction.atomic():
                # One import of a project at a time; a lock that foreign keys do not wait for.
                Project.objects.select_for_update(no_key=True).get(pk=job.project_id)
                counts = loader.store([parsed for _, parsed in batch.parsed])
                _count(job, batch, counts)
            return
        except IntegrityError:
            if attempt == TRIES:
                raise
            loader.forget()


def _count(job: ImportBatch, batch: Batch, counts: dict[str, int]) -> None:
    ImportRejection.objects.bulk_create(
        ImportRejection(batch=job, line=line, reason=reason) for line, reason in batch.rejected
    )
    counts |= {"line_count": batch.lines, "rejected_count": len(batch.rejected)}
    mine = ImportBatch.objects.filter(
        pk=job.pk, attempt=job.attempt, status=ImportBatch.Status.RUNNING
    )
    if not mine.update(
        heartbeat=timezone.now(), **{name: F(name) + count for name, count in counts.items()}
    ):
        raise Superseded(f"import {job.pk} is no longer attempt {job.attempt}")
