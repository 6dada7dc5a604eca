"""Tell a worker that a file waits to be read or written, or a person for an answer.

A message only knocks on the door: it carries an id, may come twice and may get lost. So a broker
that is down must never fail what a person did; the reconciler knocks again.
"""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def import_is_queued(batch_id: int) -> None:
    """Tell a worker, once this transaction is in, that an upload is queued."""
    transaction.on_commit(lambda: _send("annotation.tasks.run_import", batch_id))


def export_is_queued(export_id: int) -> None:
    """Tell a worker, once this transaction is in, that an export is queued."""
    transaction.on_commit(lambda: _send("annotation.tasks.run_export", export_id))


def diversity_is_wanted(report_id: int) -> None:
    """Tell a worker, once this transaction is in, that responses are to be measured."""
    transaction.on_commit(lambda: _send("annotation.tasks.measure_diversity", report_id))


def turn_is_waiting(turn_id: int) -> None:
    """Tell a chat worker, once this transaction is in, that somebody waits for models."""
    transaction.on_commit(lambda: _send("annotation.tasks.answer_turn", turn_id, queue="chat"))


def _send(task: str, pk: int, queue: str = "default") -> None:
    try:
        current_app.send_task(task, [pk], queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("%s(%s) was not sent, the reconciler will: %s", task, pk, error)
