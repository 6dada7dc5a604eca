"""Gold: items whose answer a researcher has given, and what a project does with them."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotation.models.projects import Project
from annotation.models.queue import Assignment, Item


class Gold(models.Model):
    """A researcher's answer to an item, and the reason. The item belongs to gold for ever.

    training  shown openly to somebody new, answer and reason after each
    hidden    put among the other items; nothing that an annotator gets tells it apart
    """

    class Kind(models.TextChoices):
        TRAINING = "training"
        HIDDEN = "hidden"

    item = models.OneToOneField(Item, models.CASCADE, related_name="gold")
    kind = models.CharField(max_length=16, choices=Kind)
    answer = models.JSONField(help_text="In canonical order.")
    reason = models.TextField(help_text="Markdown; shown to annotators after a training item.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, editable=False
    )
    retired = models.DateTimeField(
        null=True, blank=True, help_text="From then on nobody is asked it or measured by it."
    )

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "gold"
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="gold_has_a_reason")]

    def __str__(self) -> str:
        return f"gold: {self.item}"


class GoldPolicy(models.Model):
    """How a project uses its gold. Without a row, or with zeros, it does not."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="gold_policy")
    training_items = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(100)],
        help_text="How many training items somebody new answers first, in one try. 0: none.",
    )
    pass_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of them that has to agree with the researchers. 0: everybody passes.",
    )
    tries = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text="How often one may try, each time with other training items.",
    )
    hidden_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="Share of items that are hidden gold, at random places. 0: none.",
    )
    pause_below = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.95)],
        help_text="Pause whoever surely agrees with hidden gold less often than this. 0: nobody.",
    )

    class Meta:
        verbose_name_plural = "gold policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(pass_share__gte=0, pass_share__lte=1, tries__gte=1),
                name="gold_policy_qualification",
            ),
            models.CheckConstraint(
                condition=Q(
                    hidden_share__gte=0,
                    hidden_share__lte=0.5,
                    pause_below__gte=0,
                    pause_below__lt=1,
                ),
                name="gold_policy_hidden",
            ),
        ]

    def __str__(self) -> str:
        return f"gold policy of {self.project}"


class Reveal(models.Model):
    """The annotator has read the researchers' answer to a training item, and went on."""

    assignment = models.OneToOneField(Assignment, models.CASCADE, related_name="reveal")
    created = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"reveal of {self.assignment}"


class Qualification(models.Model):
    """How somebody's training ended. Who has passed is never asked to train again."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="qualifications")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="qualifications"
    )
    has_passed = models.BooleanField()
    agreed = models.PositiveSmallIntegerField(default=0)
    seen = models.PositiveSmallIntegerField(default=0, help_text="Training items of the last try.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="A manager who let the person in without a pass.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "annotator"], name="one_qualification_per_person"
            ),
            models.CheckConstraint(
                condition=Q(agreed__lte=models.F("seen")), name="qualification_counts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} {'passed' if self.has_passed else 'failed'} in {self.project}"
