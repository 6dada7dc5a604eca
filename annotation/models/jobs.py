"""Files that a worker reads or writes."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from annotation.models.projects import Project


class FileJob(models.Model):
    """A file that a worker reads or writes. The row is the truth, the message only knocks.

    A worker claims the row by compare-and-set and takes `attempt` with it: whoever holds an
    older number can write nothing any more.
    """

    attempt = models.PositiveIntegerField(default=0, editable=False)
    heartbeat = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class ImportBatch(FileJob):
    """One file read in: what was taken, what was refused and why."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    project = models.ForeignKey(Project, models.CASCADE, related_name="import_batches")
    kind = models.CharField(
        max_length=16, choices=[("prompts", "Prompts"), ("comparisons", "Comparisons")]
    )
    format = models.CharField(max_length=32)
    file_name = models.CharField(max_length=255)
    stored_name = models.CharField(
        max_length=64, blank=True, editable=False, help_text="Of an upload, below UPLOADS_DIR."
    )
    sha256 = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    line_count = models.PositiveIntegerField(default=0)
    prompt_count = models.PositiveIntegerField(default=0)
    response_count = models.PositiveIntegerField(default=0)
    item_count = models.PositiveIntegerField(default=0)
    annotation_count = models.PositiveIntegerField(default=0)
    known_count = models.PositiveIntegerField(default=0, help_text="Lines that were already here.")
    rejected_count = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    finished = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )

    class Meta:
        ordering = ["-created", "-id"]
        verbose_name = "import"

    def __str__(self) -> str:
        return f"{self.file_name} ({self.status})"


class ImportRejection(models.Model):
    """A line that was not taken, and the reason in a sentence."""

    batch = models.ForeignKey(ImportBatch, models.CASCADE, related_name="rejections")
    line = models.PositiveIntegerField()
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ["line", "id"]

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class Export(FileJob):
    """A dataset written to a file, with its manifest; downloadable until it is deleted."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    project = models.ForeignKey(Project, models.CASCADE, related_name="exports")
    format = models.CharField(max_length=32)
    suffix = models.CharField(max_length=16, default="jsonl")
    filters = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    row_count = models.PositiveIntegerField(default=0)
    manifest = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    finished = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )

    class Meta:
        ordering = ["-created", "-id"]

    def __str__(self) -> str:
        return f"{self.project} as {self.format}"
