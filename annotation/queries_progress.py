"""How far a project is, as its annotators see it.

Counting a million items takes about a second of the database's time. So the counts of a large
project are kept in the process, for a hundred times as long as they took; whoever finds them too
old counts anew, and all others go by the old ones until that is done.
"""

import time
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.cache import caches
from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.db.models.functions import Coalesce

from annotation.compiled import Compiled
from annotation.models import Assignment, Item, Project, Tally

MANY_ITEMS = 5_000  # counting more takes longer than all else that the person waits for
KEPT_SECONDS = 10.0  # at least
KEPT_TIMES = 100  # the time that counting took
COUNTING_SECONDS = 60  # after which one who began to count is taken for dead
OUT_OF_QUEUE = (Item.Status.RETIRED, Item.Status.GOLD, Item.Status.RETEST)

TALLY = Compiled(
    lambda project, user: Tally.objects.filter(project=project, annotator=user),
    project=int,
    user=int,
)


@dataclass(frozen=True)
class Progress:
    """Answers given and wanted in the project (retired items left out), and this person's own."""

    done: int
    total: int
    mine: int
    open_items: int
    items: int

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True)
class Counted:
    """What was counted of a project's items, when, and until when that is good enough."""

    counts: dict[str, int]
    at: float
    until: float

    @property
    def is_kept(self) -> bool:
        return self.counts["items"] > MANY_ITEMS


def progress(project: Project, user: User) -> Progress:
    """How far the project is. In a project of many items all but `mine` may be somewhat old.

    Retests that the person answered count as answers. Gold counts to each person as if it were one
    more item wanting one answer: a figure that stood still after an answer would tell that it was
    to gold.
    """
    counted = _items_of(project)
    tally = TALLY.first(project=project.pk, user=user.pk)
    gold = _gold_of(project, user, tally.retests if tally else 0, counted)
    done = counted.counts["done"] + gold["done"]
    return Progress(
        done=done,
        total=max(counted.counts["total"] + gold["asked"], done),
        mine=tally.answered if tally else 0,
        open_items=counted.counts["open_items"],
        items=counted.counts["items"],
    )


def _items_of(project: Project) -> Counted:
    cache, key = caches["process"], f"item_counts:{project.pk}"
    known: Counted | None = cache.get(key)
    if known is not None:
        is_fresh = time.monotonic() < known.until
        if is_fresh or not cache.add(f"{key}:counting", True, timeout=COUNTING_SECONDS):
            return known
    began = time.monotonic()
    counts: dict[str, int] = project.items.exclude(status__in=OUT_OF_QUEUE).aggregate(
        done=Coalesce(Sum("answer_count"), 0),
        # Without what was added where people disagree: it would tell them that they do.
        total=Coalesce(Sum(F("answers_wanted") - F("overlap_added")), 0),
        open_items=Count("id", filter=Q(status=Item.Status.OPEN)),
        items=Count("id"),
    )
    now = time.monotonic()
    counted = Counted(counts, at=now, until=now + max(KEPT_SECONDS, KEPT_TIMES * (now - began)))
    if counted.is_kept:
        cache.set(key, counted, timeout=None)
        cache.delete(f"{key}:counting")
    return counted


def _gold_of(project: Project, user: User, retests: int, counted: Counted) -> dict[str, int]:
    # As old as the items' counts: one that is quicker would tell gold by that.
    key = f"gold_counts:{project.pk}:{user.pk}:{counted.at}"
    known: dict[str, int] | None = caches["process"].get(key) if counted.is_kept else None
    if known is not None:
        return known
    answered = Assignment.objects.filter(
        item=OuterRef("pk"), annotator=user, status=Assignment.Status.ANSWERED
    )
    counts: dict[str, int] = project.items.filter(status=Item.Status.GOLD).aggregate(
        asked=Count("id"), done=Count("id", filter=Exists(answered))
    )
    counts["done"] += retests
    if counted.is_kept:
        caches["process"].set(key, counts, timeout=KEPT_TIMES * COUNTING_SECONDS)
    return counts
