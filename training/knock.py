"""Tell a worker that a row waits for it.

A message only knocks on the door: it carries an id, may come twice and may get lost. So a broker
that is down must never fail what a person did; the reconciler knocks again.
"""

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def run_is_queued(run_id: int) -> None:
    """Tell a train worker, once this transaction is in, that a run is queued."""
    transaction.on_commit(lambda: _send("training.tasks.execute_run", run_id))


def checkpoint_is_wanted(checkpoint_id: int) -> None:
    """Tell a worker, once this transaction is in, that a model is to be fetched."""
    transaction.on_commit(lambda: _send("training.tasks.fetch_checkpoint", checkpoint_id))


def _send(task: str, pk: int) -> None:
    try:
        current_app.send_task(task, [pk], queue=QUEUES[task], retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("%s(%s) was not sent, the reconciler will: %s", task, pk, error)


QUEUES = {"training.tasks.execute_run": "train", "training.tasks.fetch_checkpoint": "default"}
