"""Review: what a reviewer decides about an item, and what is said about one answer to it."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotation.models.projects import Guideline
from annotation.models.queue import Assignment, Item


class Verdict(models.Model):
    """A reviewer's decision about an item. Rows are added, never changed: the newest one holds.

    answer     what the answer should have been
    undecided  looked at, and left open: people may well differ here
    retire     the item is no good, and nobody new is asked it
    """

    class Kind(models.TextChoices):
        ANSWER = "answer"
        UNDECIDED = "undecided"
        RETIRE = "retire"

    item = models.ForeignKey(Item, models.CASCADE, related_name="verdicts")
    kind = models.CharField(max_length=16, choices=Kind)
    answer = models.JSONField(null=True, blank=True, help_text="In canonical order.")
    reason = models.TextField()
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="verdicts")
    guideline = models.ForeignKey(Guideline, models.PROTECT, null=True, blank=True)
    submit_key = models.CharField(
        max_length=64, help_text="Made by the client; the same key sent again adds nothing."
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["item", "submit_key"], name="one_verdict_per_submit"),
            models.CheckConstraint(condition=~Q(reason=""), name="verdict_has_a_reason"),
            models.CheckConstraint(
                condition=Q(kind="answer", answer__isnull=False)
                | (~Q(kind="answer") & Q(answer__isnull=True)),
                name="verdict_answer_fits_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"verdict on item {self.item_id}: {self.kind}"


class AnswerComment(models.Model):
    """Something said about one answer, between its annotator and the reviewers: one thread each."""

    assignment = models.ForeignKey(Assignment, models.CASCADE, related_name="answer_comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="answer_comments"
    )
    by_annotator = models.BooleanField(help_text="Said by whoever gave the answer.")
    text = models.TextField()
    created = models.DateTimeField(default=timezone.now, editable=False)
    read = models.DateTimeField(null=True, blank=True, help_text="Seen by the other side.")

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["assignment"], name="answer_comment_unread", condition=Q(read=None)
            )
        ]

    def __str__(self) -> str:
        return f"on assignment {self.assignment_id}: {self.text[:60]}"
