"""Projects, their people and what these are told."""

import hashlib
import re
import secrets

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

slug_validator = RegexValidator(
    re.compile(r"^[a-z][a-z0-9_]*\Z"),
    "Use lower-case letters, digits and underscores, beginning with a letter.",
)


RESERVED_SLUGS = ("new",)  # pages that stand where a project would


def new_salt() -> str:
    return secrets.token_hex(16)


class Split(models.TextChoices):
    TRAIN = "train"
    TEST = "test"


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

    def clean(self) -> None:
        if self.slug in RESERVED_SLUGS:
            raise ValidationError({"slug": f"A page has the address “{self.slug}”; take another."})

    @property
    def harm_categories(self) -> list[str]:
        """Categories of prompts that annotators are warned of, and may opt out of."""
        names: list[str] = self.task_config.get("harm_categories", [])
        return names

    def split_of(self, conversation_root: str) -> str:
        """Train or test: a hash of the root conversation, so it never changes with the data."""
        digest = hashlib.sha256(f"{self.split_salt}:{conversation_root}".encode()).digest()
        share = int.from_bytes(digest[:8], "big") / 2**64
        return Split.TEST if share < self.test_share else Split.TRAIN


class Membership(models.Model):
    class Role(models.TextChoices):
        ANNOTATOR = "annotator"
        REVIEWER = "reviewer"
        RESEARCHER = "researcher"
        MANAGER = "manager"

    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.ANNOTATOR)
    daily_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Answers a day; empty: as in the project, 0: no limit."
    )
    total_limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="Answers in all; empty: as in the project, 0: no limit."
    )
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
