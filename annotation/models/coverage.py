"""What was measured of a project's responses, and when."""

from django.db import models
from django.utils import timezone

from annotation.models.jobs import FileJob
from annotation.models.projects import Project


class DiversityReport(FileJob):
    """How varied the responses are, measured by a worker. The last figures stand until the next.

    `figures` is {"groups": [...], "responses": how many there were}; see coverage/jobs.py.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    project = models.OneToOneField(Project, models.CASCADE, related_name="diversity_report")
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    figures = models.JSONField(default=dict, blank=True)
    measured = models.DateTimeField(null=True, blank=True, help_text="When the figures were made.")
    error = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"diversity of {self.project} ({self.status})"
