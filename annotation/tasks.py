"""Celery's door: one line per task."""

from celery import shared_task

from annotation import knock, services
from annotation.chat import jobs as chat
from annotation.coverage import jobs as coverage
from annotation.exports import jobs as exports
from annotation.imports import jobs as imports
from annotation.services import chat_turns
from annotation.weekly import jobs as weekly


@shared_task
def release_stale() -> int:
    """Free the slots of leases that ran out (every 30 s, from beat)."""
    return services.release_stale()


@shared_task
def settle_batches() -> int:
    """Open and close batches whose time has come (every 30 s, from beat)."""
    return services.settle_batches()


@shared_task
def run_import(batch_id: int) -> None:
    imports.carry_out(batch_id)


@shared_task
def run_export(export_id: int) -> None:
    exports.carry_out(export_id)


@shared_task
def measure_diversity(report_id: int) -> None:
    coverage.carry_out(report_id)


@shared_task
def answer_turn(turn_id: int) -> None:
    chat.carry_out(turn_id)


@shared_task
def tell_of_weeks() -> None:
    """Tell people of their week, on Monday morning and until all mails are out (every minute, from
    beat)."""
    weekly.tell_people()
    weekly.send_mails()


@shared_task
def reconcile() -> None:
    """Knock again for all that waits, lost work included (every 30 s, from beat)."""
    for turn_id in chat_turns.unheard_turns():
        knock.turn_is_waiting(turn_id)
    for batch_id in imports.requeue_lost():
        knock.import_is_queued(batch_id)
    for export_id in exports.requeue_lost():
        knock.export_is_queued(export_id)
    for report_id in coverage.requeue_lost():
        knock.diversity_is_wanted(report_id)
