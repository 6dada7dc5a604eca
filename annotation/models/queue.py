"""Who is asked what, and what they said."""

import time
import uuid
from datetime import date, datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from annotation.models.batches import Batch
from annotation.models.content import Prompt, Response
from annotation.models.jobs import ImportBatch
from annotation.models.opt_outs import CategoryOptOut
from annotation.models.projects import Guideline, Project


def place_now() -> int:
    """The place in the queue of what enters it now: microseconds since 1970."""
    return time.time_ns() // 1000


def is_opted_out(
    annotator: User | int, prompt: str = "prompt", project: str = "project"
) -> models.Exists:
    """For a query of items: whether the annotator opted out of the prompt's category.

    The category is read by a subquery and not by a join, so that a query that locks its rows
    locks no prompt. `prompt` and `project` are where the query finds them.
    """
    category = Prompt.objects.filter(pk=models.OuterRef(models.OuterRef(prompt)))
    return models.Exists(
        CategoryOptOut.objects.filter(
            annotator=annotator,
            project=models.OuterRef(project),
            category=models.Subquery(category.values("category")),
        )
    )


def is_offered_to(annotator: User, item: str = "") -> Q:
    """For a query of items, or of what has an `item`: those for everybody, or for this person."""
    named = Batch.people.through.objects.filter(
        batch=models.OuterRef(f"{item}lane"), user=annotator, batch__is_named=True
    )
    return Q(**{f"{item}lane": 0}) | Q(models.Exists(named))


class ItemQuerySet(models.QuerySet["Item"]):
    def open(self) -> "ItemQuerySet":
        return self.filter(status=Item.Status.OPEN, open_slots__gt=0)

    def unseen_by(self, annotator: User) -> "ItemQuerySet":
        seen = Assignment.objects.filter(item=models.OuterRef("pk"), annotator=annotator)
        return self.filter(~models.Exists(seen))

    def not_opted_out_by(self, annotator: User) -> "ItemQuerySet":
        return self.filter(~is_opted_out(annotator))

    def offered_to(self, annotator: User) -> "ItemQuerySet":
        """Without those of batches for other people than this one."""
        return self.filter(is_offered_to(annotator))

    def in_turn(self) -> "ItemQuerySet":
        return self.order_by("-priority", "-came_back", "place", "id")


class Item(models.Model):
    """One question about K responses, to be answered by exactly `answers_wanted` people.

    `retest` is the copy of an item that comes back to one person (models.retests); it counts no
    answers. `paused` is an item that waits in a batch which is not asked now (models.batches).

    `open_slots` + assignments holding a slot = `answers_wanted`, always: both change in one
    transaction that first locks this row. `answer_count` counts the current answers.

    Gold (models.gold) is asked of everybody: it wants one answer more with each turn that finds
    no free slot, stands in no queue and belongs to no dataset.

    Whatever lets an open item be claimed anew (a slot comes back, a retired item is reopened, the
    priority changes) gives it a new `place`: `services/lanes.py` says why.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        COMPLETE = "complete"
        PAUSED = "paused"
        RETIRED = "retired"
        GOLD = "gold"
        RETEST = "retest"

    class Origin(models.TextChoices):
        DEMO = "demo"
        IMPORT = "import"
        API = "api"
        SAMPLE = "sample"
        CHAT = "chat"

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
    overlap_added = models.PositiveSmallIntegerField(
        default=0, help_text="How many of the answers wanted were added because people disagreed."
    )
    priority = models.IntegerField(default=0, help_text="Higher comes first.")
    came_back = models.BooleanField(
        default=False, help_text="It was given out before: asked before what is new."
    )
    place = models.BigIntegerField(
        default=place_now,
        editable=False,
        help_text="Where it stands among those of its priority; the smaller comes first.",
    )
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
    named_batch = models.ForeignKey(
        Batch, models.RESTRICT, null=True, blank=True, related_name="items"
    )
    lane = models.BigIntegerField(
        default=0, editable=False, help_text="0, or the batch whose people alone are asked."
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
                F("lane"),
                F("priority").desc(),
                F("came_back").desc(),
                F("place"),
                F("id"),
                name="item_lanes",
                condition=Q(status="open", open_slots__gt=0),
            ),
            models.Index(fields=["project", "status"], name="item_by_status"),
        ]

    def __str__(self) -> str:
        return f"item {self.pk}"

    @property
    def waiting_status(self) -> str:
        """What an item is that still lacks answers: paused while its batch is not asked."""
        is_asked = self.named_batch is None or self.named_batch.is_asked
        return self.Status.OPEN if is_asked else self.Status.PAUSED


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

    is_new = False  # claimed a moment ago, by somebody who said nothing of the item yet

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


class Bookmark(models.Model):
    """How far a person has got in one lane of the queue: see `services/lanes.py`.

    Every item of the lane that stands at (place, item_id) or before was put to this person.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="bookmarks")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="bookmarks"
    )
    lane = models.BigIntegerField(default=0)
    priority = models.IntegerField()
    came_back = models.BooleanField()
    place = models.BigIntegerField()
    item_id = models.BigIntegerField()
    begun = models.BigIntegerField(default=place_now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "annotator", "lane", "priority", "came_back"],
                name="one_bookmark_per_lane",
            )
        ]

    def __str__(self) -> str:
        return f"bookmark {self.annotator_id}: priority {self.priority}"


class Tally(models.Model):
    """How many answers of a person count in a project: their `answered` assignments.

    `today` of them were given on `day`, in the project's time zone; `retests` of them were to items
    that came back, which no other count knows.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="tallies")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tallies")
    answered = models.PositiveIntegerField(default=0)
    day = models.DateField(null=True, blank=True)
    today = models.PositiveIntegerField(default=0)
    retests = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.UniqueConstraint(fields=["project", "annotator"], name="one_tally_per_person")
        ]

    def __str__(self) -> str:
        return f"tally of {self.annotator_id}: {self.answered}"

    def given_on(self, day: date) -> int:
        return self.today if self.day == day else 0


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    def newest(self, until: datetime | None = None) -> "AnnotationQuerySet":
        """The last revision of each assignment, or the one that was its last at that moment."""
        later = Annotation.objects.filter(
            assignment=models.OuterRef("assignment"), revision__gt=models.OuterRef("revision")
        )
        if until is None:
            return self.filter(~models.Exists(later))
        return self.filter(~models.Exists(later.filter(created__lt=until)), created__lt=until)

    def current(self) -> "AnnotationQuerySet":
        """The answers that count."""
        return self.newest().filter(
            kind=Annotation.Kind.ANSWER, assignment__status=Assignment.Status.ANSWERED
        )


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

    objects = AnnotationQuerySet.as_manager()

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
