"""The door: what a worker knows of itself, and that messages find their tasks."""

import pytest
from celery.worker import state
from django.conf import settings

from config.celery import app
from training import knock, runner, tasks


@pytest.mark.parametrize(("told", "leaves"), [(None, False), (False, False), (0, True), (1, True)])
def test_a_worker_leaves_when_it_is_told_an_exit_code_even_0(
    monkeypatch: pytest.MonkeyPatch, told: object, leaves: bool
) -> None:
    monkeypatch.setattr(state, "should_stop", told)
    assert tasks.worker_is_leaving() is leaves


def test_every_message_that_is_sent_has_its_task_and_queue() -> None:
    app.loader.import_default_modules()
    assert set(knock.QUEUES) <= set(app.tasks)
    assert knock.QUEUES[tasks.execute_run.name] == "train"
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)


def test_a_knock_carries_nothing_but_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    monkeypatch.setattr(runner, "carry_out", lambda pk, *, leave: heard.append(pk))
    tasks.execute_run(7)
    assert heard == [7]
