"""Celery's door: one line per task."""

from celery import shared_task

from annotation import knock, services
from annotation.exports import jobs as exports
from annotation.imports import jobs as imports


@shared_task
def release_stale() -> int:
    """Free the slots of leases that ran out (every 30 s, from beat)."""
    return services.release_stale()


@shared_task
def run_import(batch_id: int) -> None:
    imports.carry_out(batch_id)


@shared_task
def run_export(export_id: int) -> None:
    exports.carry_out(export_id)


@shared_task
def reconcile() -> None:
    """Knock again for every file job that waits, lost ones among them (every 30 s, from beat)."""
    for batch_id in imports.requeue_lost():
        knock.import_is_queued(batch_id)
    for export_id in exports.requeue_lost():
        knock.export_is_queued(export_id)
