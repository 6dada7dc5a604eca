"""What is judged: prompts, and the responses that answer them."""

import hashlib

from django.db import models
from django.utils import timezone
from django.utils.text import Truncator

from annotation.models import projects
from annotation.models.jobs import ImportBatch
from annotation.models.projects import Project

SHORT = 80  # characters of a text where a line of a list has room for no more


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


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

    Split = projects.Split

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
        indexes = [
            models.Index(fields=["project", "split", "id"], name="prompt_by_split"),
            models.Index(fields=["project", "conversation_root"], name="prompt_by_root"),
        ]

    def __str__(self) -> str:
        last = self.messages[-1]["content"] if self.messages else "(empty)"
        return Truncator(last).chars(SHORT)


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
        return Truncator(self.text).chars(SHORT)


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
