"""What stands between a project and one of its people: read, said, paused."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotation.models.projects import Guideline, Project


class Acknowledgement(models.Model):
    """From here on this person goes by this version: they said so, or began with it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="acknowledgements"
    )
    guideline = models.ForeignKey(Guideline, models.CASCADE, related_name="acknowledgements")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["guideline", "user"], name="one_acknowledgement_per_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} read {self.guideline}"


class Pause(models.Model):
    """Nothing is given to this person until a manager ends the pause."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="pauses")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="pauses")
    message = models.TextField(help_text="What the person is told.")
    created = models.DateTimeField(default=timezone.now, editable=False)
    ended = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-created", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "annotator"],
                condition=Q(ended=None),
                name="one_open_pause_per_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.annotator} paused in {self.project}"


class Comment(models.Model):
    """Something said between an annotator and those who run the project, about the work."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="comments")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="comments",
        help_text="Whose work it is about.",
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="comments_written"
    )
    text = models.TextField()
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created", "id"]
        indexes = [models.Index(fields=["project", "annotator", "id"], name="comments_of_person")]

    def __str__(self) -> str:
        return f"{self.author} to {self.annotator}: {self.text[:60]}"
