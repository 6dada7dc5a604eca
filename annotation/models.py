"""What is asked, who answered, and what they said.

    Project ─ Prompt ─ Response ─ (ItemResponse) ─ Item ─ Assignment ─ Annotation
                          │
                        Source

An *item* asks one question about K responses to a prompt. An *assignment* is one annotator's
turn at an item: it holds one of the item's slots while it is leased or answered. An *annotation*
is one revision of the answer; rows are only ever added.
"""

import hashlib
import re
import secrets
import uuid

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

slug_validator = RegexValidator(
    re.compile(r"^[a-z][a-z0-9_]*\Z"),
    "Use lower-case letters, digits and underscores, beginning with a letter.",
)


def new_salt() -> str:
    return secrets.token_hex(16)


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: User | AnonymousUser) -> "ProjectQuerySet":
        if isinstance(user, AnonymousUser) or not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user)


class Project(models.Model):
    slug = models.CharField(max_length=64, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    task_type = models.CharField(max_length=32, default="pairwise")
    task_config = models.JSONField(default=dict, blank=True)
    answers_per_item = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text="How many people answer each item, exactly.",
    )
    lease_seconds = models.PositiveIntegerField(
        default=1800, help_text="How long an annotator may hold an item without a sign of life."
    )
    test_share = models.FloatField(
        default=0.1,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.9)],
        help_text="Share of conversations kept for testing; they never train a model.",
    )
    split_salt = models.CharField(max_length=32, default=new_salt, editable=False)
    render_markdown = models.BooleanField(
        default=True, help_text="Show responses as formatted text. Off: exactly as written."
    )
    is_archived = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(test_share__gte=0) & Q(test_share__lte=0.9), name="project_test_share"
            ),
            models.CheckConstraint(
                condition=Q(answers_per_item__gte=1), name="project_answers_per_item"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def split_of(self, conversation_root: str) -> str:
        """Train or test: a hash of the root conversation, so it never changes with the data."""
        digest = hashlib.sha256(f"{self.split_salt}:{conversation_root}".encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        return Prompt.Split.TEST if share < self.test_share else Prompt.Split.TRAIN


class Membership(models.Model):
    class Role(models.TextChoices):
        ANNOTATOR = "annotator"
        REVIEWER = "reviewer"
        RESEARCHER = "researcher"
        MANAGER = "manager"

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.ANNOTATOR)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="one_membership_per_project")
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.project} · {self.role}"


class Guideline(models.Model):
    """One version of what annotators are told; each annotation records which one it saw."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="guidelines")
    version = models.PositiveIntegerField()
    text = models.TextField(help_text="Markdown.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )

    class Meta:
        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="one_guideline_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.project} guideline {self.version}"


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


class Source(models.Model):
    """Who or what wrote a response. Never shown to an annotator."""

    class Kind(models.TextChoices):
        CHECKPOINT = "checkpoint"
        MODEL = "model"
        HUMAN = "human"
        UNKNOWN = "unknown"

    project = models.ForeignKey(Project, models.CASCADE, related_name="sources")
    slug = models.CharField(max_length=100)
    label = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.UNKNOWN)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="one_source_per_slug")
        ]

    def __str__(self) -> str:
        return self.label


class Prompt(models.Model):
    """A conversation that ends with the turn to be answered.

    `messages` is a list of {"role": "system"|"user"|"assistant", "content": str}.
    """

    class Split(models.TextChoices):
        TRAIN = "train"
        TEST = "test"

    project = models.ForeignKey(Project, models.CASCADE, related_name="prompts")
    messages = models.JSONField()
    content_hash = models.CharField(max_length=64)
    conversation_root = models.CharField(
        max_length=64,
        help_text="Hash of the opening; decides the split for the whole conversation.",
    )
    split = models.CharField(max_length=8, choices=Split)
    category = models.CharField(max_length=100, blank=True)
    external_id = models.CharField(max_length=200, blank=True)
    batch = models.ForeignKey(
        ImportBatch, models.SET_NULL, null=True, blank=True, related_name="prompts"
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "content_hash"], name="one_prompt_per_content"
            )
        ]
        indexes = [models.Index(fields=["project", "split", "id"], name="prompt_by_split")]

    def __str__(self) -> str:
        return self.messages[-1]["content"][:80] if self.messages else "(empty)"


class Response(models.Model):
    """One text that answers a prompt. Equal texts of one source are one row."""

    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="responses")
    source = models.ForeignKey(Source, models.PROTECT, related_name="responses")
    text = models.TextField()
    text_hash = models.CharField(max_length=64)
    token_ids = models.JSONField(null=True, blank=True)
    is_truncated = models.BooleanField(default=False)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["prompt", "source", "text_hash"], name="one_response_per_text"
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]


class ResponseScore(models.Model):
    """What a scorer (a reward model, a metric) thinks of a response; written by training."""

    response = models.ForeignKey(Response, models.CASCADE, related_name="scores")
    scorer = models.CharField(max_length=100)
    value = models.FloatField()
    std = models.FloatField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["response", "scorer"], name="one_score_per_scorer")
        ]

    def __str__(self) -> str:
        return f"{self.scorer}: {self.value:.3f}"


class ItemQuerySet(models.QuerySet["Item"]):
    def open(self) -> "ItemQuerySet":
        return self.filter(status=Item.Status.OPEN, open_slots__gt=0)

    def unseen_by(self, annotator: User) -> "ItemQuerySet":
        seen = Assignment.objects.filter(item=models.OuterRef("pk"), annotator=annotator)
        return self.filter(~models.Exists(seen))

    def in_turn(self) -> "ItemQuerySet":
        return self.order_by("-priority", "id")


class Item(models.Model):
    """One question about K responses, to be answered by exactly `answers_wanted` people.

    `open_slots` + assignments holding a slot = `answers_wanted`, always: both change in one
    transaction that first locks this row. `answer_count` counts the current answers.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        COMPLETE = "complete"
        RETIRED = "retired"

    class Origin(models.TextChoices):
        DEMO = "demo"
        IMPORT = "import"
        API = "api"
        SAMPLE = "sample"

    project = models.ForeignKey(Project, models.CASCADE, related_name="items")
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="items")
    key = models.CharField(
        max_length=200,
        help_text="Says what this item is made of; the same key is never queued twice.",
    )
    task_type = models.CharField(max_length=32, default="pairwise")
    task_config = models.JSONField(default=dict, blank=True)
    responses = models.ManyToManyField(Response, through="ItemResponse", related_name="items")
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    answers_wanted = models.PositiveSmallIntegerField(default=1)
    open_slots = models.PositiveSmallIntegerField(default=1)
    answer_count = models.PositiveSmallIntegerField(default=0)
    priority = models.IntegerField(default=0, help_text="Higher comes first.")
    round = models.PositiveIntegerField(
        default=0, help_text="The turn of the loop that asked this."
    )
    origin = models.CharField(max_length=16, choices=Origin, default=Origin.IMPORT)
    arm = models.CharField(
        max_length=32, default="random", help_text="How its responses were chosen."
    )
    batch = models.ForeignKey(
        ImportBatch, models.SET_NULL, null=True, blank=True, related_name="items"
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    objects = ItemQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "key"], name="one_item_per_key"),
            models.CheckConstraint(
                condition=Q(open_slots__lte=F("answers_wanted")), name="item_open_slots"
            ),
            models.CheckConstraint(
                condition=Q(answer_count__lte=F("answers_wanted")), name="item_answer_count"
            ),
        ]
        indexes = [
            # The queue: only what can still be claimed stands in it, in the order of claiming.
            models.Index(
                F("project"),
                F("priority").desc(),
                F("id"),
                name="item_queue",
                condition=Q(status="open", open_slots__gt=0),
            ),
            models.Index(fields=["project", "status"], name="item_by_status"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"


class ItemResponse(models.Model):
    """A response's canonical place in its item. Displays permute it; statistics never do."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="item_responses")
    response = models.ForeignKey(Response, models.PROTECT, related_name="item_responses")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["item", "position"], name="one_response_per_position"),
            models.UniqueConstraint(fields=["item", "response"], name="a_response_once_per_item"),
        ]

    def __str__(self) -> str:
        return f"item {self.item_id} [{self.position}]"


class Assignment(models.Model):
    """An annotator's turn at an item: one row per (item, annotator), for ever.

    leased    holds a slot until `lease_until`
    answered  holds a slot, with a current answer
    skipped   holds none; this person never sees the item again
    expired   holds none; a late answer takes a free slot, else it is kept as `extra`
    extra     holds none; answered after all slots were taken, outside every count
    """

    class Status(models.TextChoices):
        LEASED = "leased"
        ANSWERED = "answered"
        SKIPPED = "skipped"
        EXPIRED = "expired"
        EXTRA = "extra"

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    item = models.ForeignKey(Item, models.CASCADE, related_name="assignments")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="assignments"
    )
    slot = models.PositiveSmallIntegerField(null=True, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.LEASED)
    display_seed = models.BigIntegerField()
    display_order = models.JSONField(
        help_text="display_order[i] is the canonical index shown at i."
    )
    guideline = models.ForeignKey(Guideline, models.PROTECT, null=True, blank=True)
    lease_until = models.DateTimeField()
    claimed = models.DateTimeField(default=timezone.now)
    opened = models.DateTimeField(null=True, blank=True, help_text="First shown on the screen.")
    active_seconds = models.FloatField(default=0.0)
    draft = models.JSONField(null=True, blank=True)
    draft_version = models.PositiveIntegerField(default=0)
    skip_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "slot"], name="one_assignment_per_slot"),
            models.UniqueConstraint(fields=["item", "annotator"], name="one_assignment_per_person"),
            models.CheckConstraint(
                condition=(
                    Q(status__in=["leased", "answered"], slot__isnull=False)
                    | Q(status__in=["skipped", "expired", "extra"], slot__isnull=True)
                ),
                name="assignment_slot_fits_status",
            ),
        ]
        indexes = [
            models.Index(fields=["annotator", "status"], name="assignment_of_person"),
            models.Index(
                fields=["lease_until"], name="assignment_lease", condition=Q(status="leased")
            ),
        ]

    def __str__(self) -> str:
        return f"assignment {self.key}"


class Annotation(models.Model):
    """One revision of an answer, in canonical order. Rows are added, never changed.

    The answer that counts is the newest revision, if it is an answer and its assignment is
    `answered`. `kind = withdrawal` takes the answer back.
    """

    class Kind(models.TextChoices):
        ANSWER = "answer"
        WITHDRAWAL = "withdrawal"

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="annotations")
    revision = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.ANSWER)
    answer = models.JSONField(null=True, blank=True)
    rationale = models.TextField(blank=True)
    submit_key = models.CharField(
        max_length=64, help_text="Made by the client; the same key submitted again adds nothing."
    )
    seconds = models.FloatField(null=True, blank=True, help_text="Focused seconds on the screen.")
    guideline = models.ForeignKey(Guideline, models.PROTECT, null=True, blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["assignment_id", "revision"]
        constraints = [
            models.UniqueConstraint(fields=["assignment", "revision"], name="one_row_per_revision"),
            models.UniqueConstraint(fields=["assignment", "submit_key"], name="one_row_per_submit"),
        ]

    def __str__(self) -> str:
        return f"annotation {self.assignment_id}.{self.revision}"


class Flag(models.Model):
    """Something is wrong with an item, said by someone who was asked it."""

    item = models.ForeignKey(Item, models.CASCADE, related_name="flags")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="flags")
    reason = models.CharField(max_length=100)
    note = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    resolved = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "annotator", "reason"], name="one_flag_per_reason"
            )
        ]

    def __str__(self) -> str:
        return f"flag on item {self.item_id}: {self.reason}"


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
