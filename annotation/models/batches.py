"""Named groups of items, asked together and perhaps of some people only."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from annotation.models.projects import Project


class BatchQuerySet(models.QuerySet["Batch"]):
    def open_at(self, moment: datetime) -> "BatchQuerySet":
        begun = Q(opens=None) | Q(opens__lte=moment)
        return self.filter(begun, Q(closes=None) | Q(closes__gt=moment), is_paused=False)


class Batch(models.Model):
    """Items under one name: asked from `opens` until `closes`, of everybody or of named people.

    While it is not asked (paused, not open yet, closed) its items that wait are `paused`, so no
    claim meets them. Items of a batch for named people stand in a lane of their own
    (`services/lanes.py`). `is_asked` says what its items were brought to last.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="batches")
    name = models.CharField(max_length=100)
    priority = models.IntegerField(default=0, help_text="Higher comes first.")
    opens = models.DateTimeField(null=True, blank=True)
    closes = models.DateTimeField(null=True, blank=True)
    is_paused = models.BooleanField(default=False)
    is_named = models.BooleanField(default=False, help_text="Only the named people are asked.")
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="batches_named_in"
    )
    is_asked = models.BooleanField(default=True, editable=False)
    changed = models.DateTimeField(default=timezone.now, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ["-priority", "id"]
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="one_batch_per_name"),
            models.CheckConstraint(
                condition=Q(opens=None) | Q(closes=None) | Q(opens__lt=F("closes")),
                name="batch_opens_before_it_closes",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def lane(self) -> int:
        """The lane of its items: its own where only named people are asked."""
        return self.pk if self.is_named else 0

    def is_open_at(self, moment: datetime) -> bool:
        begun = self.opens is None or self.opens <= moment
        return begun and (self.closes is None or self.closes > moment) and not self.is_paused

    def is_closed_at(self, moment: datetime) -> bool:
        return self.closes is not None and self.closes <= moment
