"""Celery's door: one line a task. The rows decide; a message only knocks."""

from celery import shared_task
from celery.worker import state

from training import registry, runner


@shared_task
def execute_run(run_id: int) -> None:
    runner.carry_out(run_id, leave=worker_is_leaving)


@shared_task
def fetch_checkpoint(checkpoint_id: int) -> None:
    registry.fetch(checkpoint_id)


@shared_task
def reconcile() -> None:
    runner.reconcile()


def worker_is_leaving() -> bool:
    """Whether this worker was told to end (SIGTERM); it does so after the task in hand."""
    return state.should_stop is not None and state.should_stop is not False  # 0 is an exit code
