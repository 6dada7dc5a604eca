"""Checkpoints, frozen datasets, runs and what runs report."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Checkpoint(models.Model):
    """Weights that can be trained, sampled from or scored with.

    `location` is a folder below RUNS_DIR for what a run made, below MODELS_DIR for what was fetched
    (empty until then), an absolute folder for what a researcher registered. A checkpoint without a
    project is for all.
    """

    class Role(models.TextChoices):
        POLICY = "policy"
        REWARD = "reward"

    class Origin(models.TextChoices):
        DEMO = "demo", "Demo model"
        FOLDER = "folder", "Local folder"
        HUB = "hub", "Model hub"
        RUN = "run", "Trained here"

    class Status(models.TextChoices):
        REGISTERED = "registered"
        FETCHING = "fetching"
        READY = "ready"
        FAILED = "failed"

    slug = models.CharField(max_length=100, unique=True)
    label = models.CharField(max_length=200)
    project = models.ForeignKey(
        "annotation.Project", models.CASCADE, null=True, blank=True, related_name="checkpoints"
    )
    role = models.CharField(max_length=16, choices=Role, default=Role.POLICY)
    origin = models.CharField(max_length=16, choices=Origin)
    location = models.CharField(max_length=500, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.REGISTERED)
    progress = models.FloatField(default=0.0, help_text="Share of the fetch that is done, 0 … 1.")
    progress_text = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="children"
    )
    run = models.ForeignKey(
        "training.Run", models.SET_NULL, null=True, blank=True, related_name="checkpoints"
    )
    attempt = models.PositiveIntegerField(default=0)
    step = models.PositiveIntegerField(default=0)
    is_adapter = models.BooleanField(default=False)
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the manifest of its files.")
    size_bytes = models.BigIntegerField(default=0)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step"],
                name="one_checkpoint_per_step",
                condition=Q(run__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def folder(self) -> Path:
        """The Hugging Face folder itself: config.json, safetensors, tokenizer."""
        if self.origin == self.Origin.RUN:
            return settings.RUNS_DIR / self.location
        return settings.MODELS_DIR / self.location  # an absolute location stays as it is


class Snapshot(models.Model):
    """A frozen dataset: the judgements as they stood at one moment, in files with a hash."""

    project = models.ForeignKey("annotation.Project", models.CASCADE, related_name="snapshots")
    number = models.PositiveIntegerField()
    filters = models.JSONField(default=dict, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    sha256 = models.CharField(max_length=64)
    folder = models.CharField(max_length=200, help_text="Below SNAPSHOTS_DIR.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="one_snapshot_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.project} snapshot {self.number}"

    @property
    def path(self) -> Path:
        return settings.SNAPSHOTS_DIR / self.folder


class RunQuerySet(models.QuerySet["Run"]):
    def live(self) -> "RunQuerySet":
        return self.filter(status__in=Run.LIVE)

    def held(self, pk: int, attempt: int) -> "RunQuerySet":
        """The run while this attempt still owns it; nothing once another one took over."""
        return self.filter(pk=pk, attempt=attempt, status=Run.Status.RUNNING)


class Run(models.Model):
    """One start of one algorithm. The row is the truth; the message to the worker only knocks.

    A worker claims the row by compare-and-set and takes `attempt` with it: whoever holds an
    older number can write nothing any more.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        QUEUED = "queued"
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"
        CANCELLED = "cancelled"

    LIVE = (Status.QUEUED, Status.RUNNING)

    project = models.ForeignKey("annotation.Project", models.CASCADE, related_name="runs")
    algorithm = models.CharField(max_length=32)
    config = models.JSONField(default=dict, blank=True)
    checkpoint = models.ForeignKey(
        Checkpoint,
        models.PROTECT,
        related_name="runs_from",
        help_text="What is trained, sampled from or scored with.",
    )
    opponent = models.ForeignKey(
        Checkpoint,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="runs_against",
        help_text="Sampling only: whose responses the new ones are compared with.",
    )
    snapshot = models.ForeignKey(
        Snapshot, models.PROTECT, null=True, blank=True, related_name="runs"
    )
    follows = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="followed_by",
        help_text="The run whose end started this one.",
    )
    round = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    request_key = models.CharField(
        max_length=64,
        null=True,
        blank=True,
        unique=True,
        editable=False,
        help_text="Made with the launch form; the same form sent again starts nothing.",
    )
    attempt = models.PositiveIntegerField(default=0)
    losses = models.PositiveIntegerField(
        default=0, help_text="Workers lost since a person last started or resumed it."
    )
    worker = models.CharField(max_length=200, blank=True, help_text="host:pid of the supervisor.")
    heartbeat = models.DateTimeField(
        null=True, blank=True, help_text="Running: last sign of life. Queued: last knock."
    )
    cancel_requested = models.DateTimeField(null=True, blank=True)
    phase = models.CharField(max_length=100, blank=True)
    done = models.PositiveIntegerField(default=0, help_text="Steps done in this phase.")
    total = models.PositiveIntegerField(default=0)
    eta_seconds = models.FloatField(null=True, blank=True)
    events_offset = models.BigIntegerField(default=0, help_text="Bytes of events.jsonl taken in.")
    result = models.JSONField(default=dict, blank=True, help_text="The final metrics.")
    versions = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )
    queued = models.DateTimeField(null=True, blank=True)
    started = models.DateTimeField(null=True, blank=True)
    finished = models.DateTimeField(null=True, blank=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created", "-id"]
        indexes = [
            models.Index(
                fields=["heartbeat"], name="run_live", condition=Q(status__in=["queued", "running"])
            )
        ]
        constraints = [
            # A finished run starts one follower of each kind, however often its end is handled.
            models.UniqueConstraint(
                fields=["follows", "algorithm"],
                name="one_follower_per_algorithm",
                condition=Q(follows__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.algorithm})"

    @property
    def is_live(self) -> bool:
        return self.status in self.LIVE

    @property
    def folder(self) -> Path:
        return settings.RUNS_DIR / str(self.pk)


class Metric(models.Model):
    run = models.ForeignKey(Run, models.CASCADE, related_name="metrics")
    name = models.CharField(max_length=100)
    step = models.PositiveIntegerField()
    value = models.FloatField()

    class Meta:
        ordering = ["step"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name", "step"], name="one_value_per_step")
        ]

    def __str__(self) -> str:
        return f"{self.name}[{self.step}] = {self.value:.4g}"


class Sample(models.Model):
    """A text a run's model wrote: which prompt, at which step, the which one of several."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="samples")
    step = models.PositiveIntegerField(default=0)
    prompt = models.ForeignKey("annotation.Prompt", models.CASCADE, related_name="samples")
    model = models.CharField(max_length=16, default="policy", help_text="policy or opponent")
    index = models.PositiveSmallIntegerField(default=0)
    text = models.TextField()
    token_ids = models.JSONField(default=list)
    logprob = models.FloatField(null=True, blank=True, help_text="Sum over the response's tokens.")
    is_truncated = models.BooleanField(default=False)
    response = models.ForeignKey(
        "annotation.Response", models.SET_NULL, null=True, blank=True, related_name="samples"
    )

    class Meta:
        ordering = ["step", "prompt_id", "model", "index"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step", "prompt", "model", "index"], name="one_sample_per_index"
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]
