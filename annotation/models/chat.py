"""Conversations that annotators have with models, and where these models are spoken to."""

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotation.models.content import Prompt, Response, Source
from annotation.models.projects import Project
from annotation.models.queue import Item

MAX_CANDIDATES = 9


class Endpoint(models.Model):
    """A model that answers in chat: an address on the network, or one that is served here.

    `address` speaks the OpenAI-style interface below `/chat/completions`. `served` names a model
    of this installation instead (`annotation.chat.served`). What was judged stays comparable: both
    are chosen once. `api_key` is written and used, and never shown again.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="endpoints")
    source = models.ForeignKey(Source, models.PROTECT, related_name="endpoints")
    label = models.CharField(max_length=100)
    address = models.CharField(max_length=500, blank=True)
    model = models.CharField(max_length=200, blank=True)
    served = models.CharField(max_length=100, blank=True)
    api_key = models.CharField(max_length=500, blank=True)
    temperature = models.FloatField(
        default=0.7, validators=[MinValueValidator(0.0), MaxValueValidator(2.0)]
    )
    max_tokens = models.PositiveIntegerField(
        default=512, validators=[MinValueValidator(1), MaxValueValidator(8192)]
    )
    candidates = models.PositiveSmallIntegerField(
        default=1, validators=[MaxValueValidator(MAX_CANDIDATES)]
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "label"], name="one_endpoint_per_label"),
            models.CheckConstraint(
                condition=(Q(address="", model="") & ~Q(served=""))
                | (Q(served="") & ~Q(address="") & ~Q(model="")),
                name="endpoint_is_elsewhere_or_here",
            ),
            models.CheckConstraint(
                condition=Q(candidates__lte=MAX_CANDIDATES), name="endpoint_candidates"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class Conversation(models.Model):
    """One annotator's talk with the models of a project. `draft` is what stands in the composer."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, related_name="conversations")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="conversations"
    )
    draft = models.TextField(blank=True)
    draft_version = models.PositiveIntegerField(default=0)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "annotator"], name="conversation_of_person")]

    def __str__(self) -> str:
        return f"conversation {self.key}"


class Turn(models.Model):
    """What the annotator wrote, the candidates that answer it, and the one it goes on with.

    waiting   for a worker
    running   a worker asks the models; it shows that it lives by `heartbeat`
    answered  all candidates are there, and were shown at one moment
    failed    at least one candidate did not come; `error` says why, without saying whose

    The item asks which candidate is best; there is none where all candidates read the same.
    `reply` is what the conversation goes on with, once the annotator has said so.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        ANSWERED = "answered"
        FAILED = "failed"

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="turns")
    number = models.PositiveIntegerField()
    text = models.TextField()
    prompt = models.ForeignKey(Prompt, models.PROTECT, related_name="turns")
    send_key = models.CharField(
        max_length=64, help_text="Made by the client; the same key sent again adds nothing."
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    attempt = models.PositiveIntegerField(default=0, editable=False)
    heartbeat = models.DateTimeField(default=timezone.now, editable=False)
    error = models.CharField(max_length=200, blank=True)
    item = models.OneToOneField(
        Item, models.PROTECT, null=True, blank=True, related_name="chat_turn"
    )
    reply = models.ForeignKey(
        Response, models.PROTECT, null=True, blank=True, related_name="replies"
    )
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["conversation_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="one_turn_per_number"),
            models.UniqueConstraint(fields=["conversation", "send_key"], name="one_turn_per_send"),
        ]
        indexes = [
            models.Index(
                fields=["heartbeat"],
                name="turn_under_way",
                condition=Q(status__in=["waiting", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"turn {self.number} of {self.conversation_id}"


class Candidate(models.Model):
    """One request of a turn to one endpoint: its response, or why there is none."""

    turn = models.ForeignKey(Turn, models.CASCADE, related_name="candidates")
    place = models.PositiveSmallIntegerField()
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="requests")
    response = models.ForeignKey(
        Response, models.PROTECT, null=True, blank=True, related_name="candidates"
    )
    error = models.CharField(max_length=300, blank=True)
    seconds = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["turn", "place"], name="one_candidate_per_place")
        ]

    def __str__(self) -> str:
        return f"candidate {self.place} of turn {self.turn_id}"
