"""Measuring diversity as a job: the row of DiversityReport is the truth, the message knocks."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from annotation import knock
from annotation.aggregation.diversity import diversity
from annotation.coverage.sample import Group, groups_of, is_right_to_left, texts_of
from annotation.models import DiversityReport, Project

Status = DiversityReport.Status


@transaction.atomic
def measure(project: Project) -> DiversityReport:
    """Ask a worker to measure anew; what it is at already is not asked for twice."""
    report, is_new = DiversityReport.objects.get_or_create(project=project)
    if not is_new:
        rest = DiversityReport.objects.filter(pk=report.pk)
        rest.filter(status__in=[Status.FINISHED, Status.FAILED]).update(
            status=Status.QUEUED, attempt=0, error=""
        )
        report.refresh_from_db()
    if report.status == Status.QUEUED:
        knock.diversity_is_wanted(report.pk)
    return report


def carry_out(report_id: int) -> None:
    """Measure what is queued; a message that comes twice finds nothing to claim."""
    claimed = DiversityReport.objects.filter(pk=report_id, status=Status.QUEUED).update(
        status=Status.RUNNING, attempt=F("attempt") + 1, heartbeat=timezone.now()
    )
    if not claimed:
        return
    report = DiversityReport.objects.select_related("project").get(pk=report_id)
    try:
        groups = groups_of(report.project)
        figures = []
        for group in groups:
            figures.append(_figures(group))
            _mine(report).update(heartbeat=timezone.now())
    except BaseException as error:
        reason = f"Measuring broke off: {type(error).__name__}. Try again."
        _mine(report).update(status=Status.FAILED, error=reason)
        raise
    _mine(report).update(
        status=Status.FINISHED,
        figures={"responses": groups[0].responses, "groups": figures},
        measured=timezone.now(),
    )


def _figures(group: Group) -> dict[str, Any]:
    texts = texts_of(group)
    found = diversity(texts)
    return asdict(found) | {
        "kind": group.kind,
        "name": group.name,
        "responses": group.responses,
        "mean_interval": found.mean_interval,
        "right_to_left": sum(is_right_to_left(text) for _, text in texts),
    }


def requeue_lost() -> list[int]:
    """Give reports whose worker fell silent another try; return what is queued.

    A worker beats after each group, not within one: ten times the usual silence is allowed.
    """
    silent = timezone.now() - timedelta(seconds=10 * settings.LOST_AFTER_SECONDS)
    lost = DiversityReport.objects.filter(status=Status.RUNNING).filter(
        Q(heartbeat__lt=silent) | Q(heartbeat=None)
    )
    lost.filter(attempt__gte=settings.MAX_ATTEMPTS).update(
        status=Status.FAILED, error="The process that measured ended, several times."
    )
    lost.update(status=Status.QUEUED)
    queued = DiversityReport.objects.filter(status=Status.QUEUED)
    return list(queued.values_list("pk", flat=True))


def _mine(report: DiversityReport) -> QuerySet[DiversityReport]:
    return DiversityReport.objects.filter(
        pk=report.pk, attempt=report.attempt, status=Status.RUNNING
    )
