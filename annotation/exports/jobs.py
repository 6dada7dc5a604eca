"""Exports as jobs: what the worker does with a row of Export, and where its file lies."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from annotation import knock
from annotation.exports import EXPORTS, SUFFIXES
from annotation.exports.filters import FilterInvalid, clean_filters
from annotation.exports.writer import ExportRefused, manifest_path, write_export
from annotation.models import Export, Project, Prompt


def add_export(
    project: Project,
    format_slug: str,
    suffix: str = "jsonl",
    *,
    split: str | None = None,
    filters: Mapping[str, Any] | None = None,
    user: User | None = None,
) -> Export:
    """Queue an export for a worker. Raises ExportRefused or FilterInvalid."""
    if format_slug not in EXPORTS:
        raise ExportRefused(f"{format_slug} is not a format; these are: {', '.join(EXPORTS)}.")
    if suffix not in SUFFIXES:
        raise ExportRefused(f"{suffix} is not a kind of file; these are: {', '.join(SUFFIXES)}.")
    if split and split not in Prompt.Split.values:
        raise FilterInvalid("split", f"must be train or test, not {split}")
    kept = clean_filters(filters or {}) | ({"split": split} if split else {})
    export = Export.objects.create(
        project=project, format=format_slug, suffix=suffix, filters=kept, created_by=user
    )
    knock.export_is_queued(export.pk)
    return export


def file_path(export: Export) -> Path:
    """Below EXPORTS_DIR, in a folder of its own, under a name that says what it is."""
    name = f"{export.project.slug}_{export.format}_{export.pk}.{export.suffix}"
    return Path(settings.EXPORTS_DIR) / str(export.pk) / name


def carry_out(export_id: int) -> None:
    """Write a queued export; a message that comes twice finds nothing to claim."""
    claimed = Export.objects.filter(pk=export_id, status=Export.Status.QUEUED).update(
        status=Export.Status.RUNNING, attempt=F("attempt") + 1, heartbeat=timezone.now()
    )
    if not claimed:
        return
    export = Export.objects.select_related("project").get(pk=export_id)
    path = file_path(export)
    filters = dict(export.filters)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        manifest = write_export(
            export.project, export.format, path, split=filters.pop("split", None), filters=filters
        )
    except (ExportRefused, FilterInvalid) as error:
        _close(export, Export.Status.FAILED, error=str(error))
    except OSError as error:
        _close(export, Export.Status.FAILED, error=f"The file cannot be written: {error.strerror}.")
    except BaseException as error:
        reason = f"The export broke off: {type(error).__name__}."
        _close(export, Export.Status.FAILED, error=reason)
        raise
    else:
        _close(export, Export.Status.FINISHED, manifest=manifest, row_count=manifest["rows"])


def delete_export(export: Export) -> None:
    """Remove the file, then the row."""
    path = file_path(export)
    for part in (path, manifest_path(path)):
        part.unlink(missing_ok=True)
    if path.parent.is_dir() and not any(path.parent.iterdir()):
        path.parent.rmdir()
    export.delete()


def requeue_lost() -> list[int]:
    """Give running exports that took too long another try; return what is queued.

    An export reads inside one transaction, so it cannot beat while it writes; ten times the usual
    silence is allowed before it counts as lost. Writing twice is harmless: one rename wins.
    """
    silent = timezone.now() - timedelta(seconds=10 * settings.LOST_AFTER_SECONDS)
    lost = Export.objects.filter(status=Export.Status.RUNNING).filter(
        Q(heartbeat__lt=silent) | Q(heartbeat=None)
    )
    lost.filter(attempt__gte=settings.MAX_ATTEMPTS).update(
        status=Export.Status.FAILED,
        finished=timezone.now(),
        error="The process that wrote this export ended, several times.",
    )
    lost.update(status=Export.Status.QUEUED)
    queued = Export.objects.filter(status=Export.Status.QUEUED)
    return list(queued.values_list("pk", flat=True))


def _close(export: Export, status: str, **fields: Any) -> None:
    _mine(export).update(status=status, finished=timezone.now(), **fields)


def _mine(export: Export) -> QuerySet[Export]:
    return Export.objects.filter(pk=export.pk, attempt=export.attempt, status=Export.Status.RUNNING)
