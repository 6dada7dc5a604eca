"""Celery's door opens onto what it says."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from annotation import tasks
from annotation.models import Assignment, Project
from config.celery import app
from tests.builders import make_assignment, make_item


def test_release_stale_frees_leases_that_ran_out(project: Project, annotator: User) -> None:
    assignment = make_assignment(make_item(project), annotator)
    assert tasks.release_stale.delay().get() == 0
    Assignment.objects.filter(pk=assignment.pk).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    assert tasks.release_stale.delay().get() == 1


def test_every_task_that_the_beat_calls_exists() -> None:
    app.loader.import_default_modules()
    called = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert called <= set(app.tasks)
    assert set(settings.CELERY_TASK_ROUTES) <= set(app.tasks)
