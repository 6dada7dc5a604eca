"""Puts what a file says into the database: in batches, each one transaction, nothing twice.

Every line that is not blank is counted once: taken, known already, or rejected with a reason. A
batch is all or nothing, and what is there is recognised by its content, so an import that was cut
off is simply run again.

The rows of a vote are written here in bulk and not through `services.record_imported_answer`,
which is right for a few: fifty thousand votes would be a million statements. What both must hold
is the same: an imported vote has its slot, its item is complete with exactly one answer wanted.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from annotation.imports import COMPARISON_FORMATS
from annotation.imports.comparison import Comparison, Origin
from annotation.imports.files import LineInvalid, Record, records
from annotation.imports.prompts import ImportedPrompt, prompt_of
from annotation.models import (
    Annotation,
    Assignment,
    ImportBatch,
    ImportRejection,
    Item,
    ItemResponse,
    Project,
    Prompt,
    Response,
    Source,
    text_hash,
)
from annotation.services.content import content_hash, imported_annotator, opening_hash
from annotation.services.content import get_or_add_source as source_of
from annotation.task_types import TASK_TYPES, AnswerInvalid

BATCH_LINES = 500
BATCH_CHARS = 8 * 2**20
BATCH_THINGS = 2000  # prompts or comparisons; a line may hold many
MAX_REJECTED = 100_000
TRIES = 3  # of a batch that meets the same prompt being added by somebody else


class ImportStopped(RuntimeError):
    """The import cannot go on; the message says why. The batches before it stand."""


class Superseded(RuntimeError):
    """Another worker has taken this import over; this one writes nothing more."""


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


class PromptLoader:
    """Lines that hold one prompt each."""

    def __init__(self, job: ImportBatch) -> None:
        self.job, self.project = job, job.project

    def parse(self, record: Record) -> list[ImportedPrompt]:
        return [prompt_of(record)]

    def store(self, lines: list[list[ImportedPrompt]]) -> dict[str, int]:
        prompts = [prompt for line in lines for prompt in line]
        _, created = add_prompts(self.job, prompts)
        return {"prompt_count": created, "known_count": len(lines) - created}

    def forget(self) -> None:
        """Nothing is remembered between batches."""


class ComparisonLoader:
    """Lines that hold comparisons people made elsewhere; each becomes a complete item."""

    def __init__(self, job: ImportBatch) -> None:
        self.job, self.project = job, job.project
        self.read = COMPARISON_FORMATS[job.format].comparisons
        self.sources: dict[str, Source] = {}
        self.annotator: User | None = None

    def forget(self) -> None:
        """What was added by a transaction that did not come through is not there."""
        self.sources.clear()
        self.annotator = None

    def parse(self, record: Record) -> list[Comparison]:
        comparisons = list(self.read(record))
        for comparison in comparisons:
            try:
                TASK_TYPES[comparison.task_type].check(
                    comparison.answer, len(comparison.responses), {}
                )
            except AnswerInvalid as refusal:
                raise LineInvalid(refusal.message) from None
        return comparisons

    def store(self, lines: list[list[Comparison]]) -> dict[str, int]:
        wanted: dict[str, Comparison] = {}
        new_lines = set()
        keys = [comparison.key for line in lines for comparison in line]
        there = set(
            Item.objects.filter(project=self.project, key__in=keys).values_list("key", flat=True)
        )
        for index, line in enumerate(lines):
            for comparison in line:
                if comparison.key not in there and comparison.key not in wanted:
                    wanted[comparison.key] = comparison
                    new_lines.add(index)
        prompt_ids, prompts_created = add_prompts(
            self.job, [ImportedPrompt(c.messages, "", c.external_id) for c in wanted.values()]
        )
        places = [
            (key, prompt_ids[comparison.prompt_hash], comparison)
            for key, comparison in wanted.items()
        ]
        responses, responses_created = self._add_responses(
            [
                (prompt_id, self._source(origin), text)
                for _, prompt_id, comparison in places
                for text, origin in comparison.responses
            ]
        )
        self._add_items(places, responses)
        return {
            "prompt_count": prompts_created,
            "response_count": responses_created,
            "item_count": len(places),
            "annotation_count": len(places),
            "known_count": len(lines) - len(new_lines),
        }

    def _source(self, origin: Origin) -> Source:
        if origin.slug not in self.sources:
            self.sources[origin.slug] = source_of(
                self.project, origin.slug, origin.label, origin.kind
            )
        return self.sources[origin.slug]

    def _add_responses(
        self, wanted: list[tuple[int, Source, str]]
    ) -> tuple[dict[tuple[int, int, str], int], int]:
        """{(prompt, source, text hash): response}, and how many are new."""
        found: dict[tuple[int, int, str], int] = {}
        rows = Response.objects.filter(prompt_id__in={prompt_id for prompt_id, _, _ in wanted})
        columns = rows.values_list("pk", "prompt_id", "source_id", "text_hash")
        for pk, prompt_id, source_id, digest in columns:
            found[(prompt_id, source_id, digest)] = pk
        missing: dict[tuple[int, int, str], Response] = {}
        for prompt_id, source, text in wanted:
            response = Response(
                prompt_id=prompt_id, source=source, text=text, text_hash=text_hash(text)
            )
            identity = (prompt_id, source.pk, response.text_hash)
            if identity not in found:
                missing.setdefault(identity, response)
        created = Response.objects.bulk_create(missing.values())
        found |= {
            identity: response.pk for identity, response in zip(missing, created, strict=True)
        }
        return found, len(created)

    def _add_items(
        self,
        places: list[tuple[str, int, Comparison]],
        responses: dict[tuple[int, int, str], int],
    ) -> None:
        items = Item.objects.bulk_create(
            Item(
                project=self.project,
                prompt_id=prompt_id,
                key=key,
                task_type=comparison.task_type,
                status=Item.Status.COMPLETE,
                answers_wanted=1,
                open_slots=0,
                answer_count=1,
                origin=Item.Origin.IMPORT,
                batch=self.job,
            )
            for key, prompt_id, comparison in places
        )
        ItemResponse.objects.bulk_create(
            ItemResponse(
                item=item,
                response_id=responses[(prompt_id, self._source(origin).pk, text_hash(text))],
                position=position,
            )
            for item, (_, prompt_id, comparison) in zip(items, places, strict=True)
            for position, (text, origin) in enumerate(comparison.responses)
        )
        self.annotator = self.annotator or imported_annotator(self.job.format)
        now = timezone.now()
        assignments = Assignment.objects.bulk_create(
            Assignment(
                item=item,
                annotator=self.annotator,
                slot=0,
                status=Assignment.Status.ANSWERED,
                display_seed=0,
                display_order=list(range(len(comparison.responses))),
                lease_until=now,
            )
            for item, (_, _, comparison) in zip(items, places, strict=True)
        )
        Annotation.objects.bulk_create(
            Annotation(
                assignment=assignment,
                revision=1,
                answer=comparison.answer,
                submit_key="imported",
            )
            for assignment, (_, _, comparison) in zip(assignments, places, strict=True)
        )


def add_prompts(job: ImportBatch, wanted: list[ImportedPrompt]) -> tuple[dict[str, int], int]:
    """{content hash: prompt}, and how many are new."""
    project = job.project
    by_hash: dict[str, ImportedPrompt] = {}
    for prompt in wanted:
        by_hash.setdefault(content_hash(prompt.messages), prompt)
    rows = Prompt.objects.filter(project=project, content_hash__in=list(by_hash))
    found: dict[str, int] = dict(rows.values_list("content_hash", "pk"))
    missing = {digest: prompt for digest, prompt in by_hash.items() if digest not in found}
    created = Prompt.objects.bulk_create(
        Prompt(
            project=project,
            messages=prompt.messages,
            content_hash=digest,
            conversation_root=(root := opening_hash(prompt.messages)),
            split=project.split_of(root),
            category=prompt.category,
            external_id=prompt.external_id,
            batch=job,
        )
        for digest, prompt in missing.items()
    )
    return found | {prompt.content_hash: prompt.pk for prompt in created}, len(created)
