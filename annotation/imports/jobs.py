"""Imports as jobs: what the worker and the command line do with one file."""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from annotation import knock
from annotation.imports import COMPARISON_FORMATS
from annotation.imports.files import FileUnreadable
from annotation.imports.loader import load_file, storable
from annotation.imports.stops import ImportStopped, Superseded
from annotation.models import ImportBatch, ImportRejection, Project

COUNTS = (
    "line_count",
    "prompt_count",
    "response_count",
    "item_count",
    "annotation_count",
    "known_count",
    "rejected_count",
)


class ImportRefused(ValueError):
    """Nothing can be read in; the message says what to mend."""


def check_format(kind: str, format_slug: str) -> None:
    """Raise ImportRefused unless this kind of file has this format."""
    formats = list(COMPARISON_FORMATS) if kind == "comparisons" else ["prompts"]
    if format_slug not in formats:
        raise ImportRefused(f"{format_slug} is not a format of {kind}: {', '.join(formats)}.")


def import_file(
    project: Project, kind: str, format_slug: str, path: Path, user: User | None = None
) -> ImportBatch:
    """Read a file of this machine at once and return the account of it.

    Raises ImportRefused before anything is read; what goes wrong later stands in the account.
    """
    check_format(kind, format_slug)
    if not path.is_file():
        raise ImportRefused(f"{path} is not a file.")
    job = ImportBatch.objects.create(
        project=project,
        kind=kind,
        format=format_slug,
        file_name=path.name[-255:],
        status=ImportBatch.Status.RUNNING,
        attempt=1,
        heartbeat=timezone.now(),
        created_by=user,
    )
    _read(job, path)
    return job


def add_upload(
    project: Project,
    kind: str,
    format_slug: str,
    chunks: Iterable[bytes],
    file_name: str,
    user: User | None,
) -> ImportBatch:
    """Store an upload under a name of our own and queue it for a worker."""
    check_format(kind, format_slug)
    stored_name = uuid.uuid4().hex
    with stored_path(stored_name).open("xb") as file:
        for chunk in chunks:
            file.write(chunk)
    job = ImportBatch.objects.create(
        project=project,
        kind=kind,
        format=format_slug,
        file_name=storable(Path(file_name).name)[-255:] or "upload",
        stored_name=stored_name,
        created_by=user,
    )
    knock.import_is_queued(job.pk)
    return job


def stored_path(stored_name: str) -> Path:
    return Path(settings.UPLOADS_DIR) / stored_name


def carry_out(batch_id: int) -> None:
    """Read a queued upload; a message that comes twice finds nothing to claim."""
    claimed = ImportBatch.objects.filter(pk=batch_id, status=ImportBatch.Status.QUEUED).update(
        status=ImportBatch.Status.RUNNING, attempt=F("attempt") + 1, heartbeat=timezone.now()
    )
    if not claimed:
        return
    job = ImportBatch.objects.select_related("project").get(pk=batch_id)
    if job.attempt > 1:  # what the lost attempt stored is recognised; it is only counted anew
        ImportRejection.objects.filter(batch=job).delete()
        _mine(job).update(**dict.fromkeys(COUNTS, 0))
    _read(job, stored_path(job.stored_name))


def requeue_lost() -> list[int]:
    """Give running jobs that no worker beats for any more another try; return what is queued.

    A job that was lost too often fails, and so does one whose file lay outside of our keeping.
    """
    silent = timezone.now() - timedelta(seconds=settings.LOST_AFTER_SECONDS)
    lost = ImportBatch.objects.filter(status=ImportBatch.Status.RUNNING).filter(
        Q(heartbeat__lt=silent) | Q(heartbeat=None)
    )
    hopeless = Q(attempt__gte=settings.MAX_ATTEMPTS) | Q(stored_name="")
    lost.filter(hopeless).update(
        status=ImportBatch.Status.FAILED,
        finished=timezone.now(),
        error="The process that read this file ended. Import it again: what is here stays single.",
    )
    lost.update(status=ImportBatch.Status.QUEUED)
    queued = ImportBatch.objects.filter(status=ImportBatch.Status.QUEUED)
    return list(queued.values_list("pk", flat=True))


def _read(job: ImportBatch, path: Path) -> None:
    """Load the file and close the account, whatever happens."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        _mine(job).update(sha256=digest)
        load_file(job, path)
    except Superseded:
        return
    except (FileUnreadable, ImportStopped) as error:
        _close(job, ImportBatch.Status.FAILED, str(error))
    except OSError as error:
        _close(job, ImportBatch.Status.FAILED, f"The file cannot be read: {error.strerror}.")
    except BaseException as error:
        _close(job, ImportBatch.Status.FAILED, f"The import broke off: {type(error).__name__}.")
        raise
    else:
        _close(job, ImportBatch.Status.FINISHED)
    job.refresh_from_db()


def _close(job: ImportBatch, status: str, error: str = "") -> None:
    closed = _mine(job).update(status=status, error=storable(error), finished=timezone.now())
    if closed and job.stored_name:
        stored_path(job.stored_name).unlink(missing_ok=True)


def _mine(job: ImportBatch) -> QuerySet[ImportBatch]:
    return ImportBatch.objects.filter(
        pk=job.pk, attempt=job.attempt, status=ImportBatch.Status.RUNNING
    )
