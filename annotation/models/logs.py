"""What a project takes in of what its models said in production, and how much came."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotation.models.content import Prompt, Response
from annotation.models.projects import Project


class LogPolicy(models.Model):
    """Whether records are taken, how many of them, and what of them is replaced."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="log_policy")
    is_on = models.BooleanField(default=False)
    sampling_share = models.FloatField(
        default=1.0, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)]
    )
    skip_equal = models.BooleanField(default=True)
    skip_near = models.BooleanField(default=False)
    words = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sampling_share__gte=0) & Q(sampling_share__lte=1),
                name="log_policy_sampling_share",
            )
        ]

    def __str__(self) -> str:
        return f"log policy of {self.project}"


class LogRecord(models.Model):
    """A record that was stored, under the hash of the id that it came with."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="log_records")
    id_hash = models.CharField(max_length=64)
    external_id = models.CharField(max_length=200, help_text="Without what was redacted in it.")
    text_hash = models.CharField(
        max_length=64, help_text="Of prompt and response, case and spaces made alike."
    )
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="log_records")
    response = models.ForeignKey(Response, models.CASCADE, related_name="log_records")
    happened = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "id_hash"], name="one_record_per_id")
        ]
        indexes = [models.Index(fields=["project", "text_hash"], name="log_record_by_text")]

    def __str__(self) -> str:
        return f"record {self.external_id}"


class LogBand(models.Model):
    """A band of a stored prompt's MinHash: prompts that share one are compared."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="log_bands")
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="log_bands")
    band = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "band", "prompt"], name="one_row_per_band")
        ]

    def __str__(self) -> str:
        return f"band of prompt {self.prompt_id}"


class LogTally(models.Model):
    """How many records came to what end, and how much of which kind was replaced in them."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="log_tallies")
    name = models.CharField(max_length=40)
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "log tallies"
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="one_log_tally_per_name")
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.count}"
