"""Many items retired or reopened at once, a part in each transaction.

Whoever sends the same twice changes nothing the second time: only what still stands otherwise is
changed. Gold and retests are left as they are.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from annotation.models import Item, ItemQuerySet, Project, Verdict
from annotation.services.items import reopen_item

AT_ONCE = 200  # items locked by one transaction
CAN_RETIRE = (Item.Status.OPEN, Item.Status.COMPLETE, Item.Status.PAUSED)


def retire_items(project: Project, items: Iterable[int]) -> int:
    """Ask nobody new; turns that are open may still end. Returns how many were changed."""
    changed = 0
    for part in _parts(items):
        with transaction.atomic():
            locked = _lock(Item.objects.filter(status__in=CAN_RETIRE), project, part)
            changed += Item.objects.filter(pk__in=locked).update(status=Item.Status.RETIRED)
    return changed


def reopen_items(project: Project, items: Iterable[int]) -> int:
    """Put retired items back into the queue, for the answers they lack; returns how many.

    What was gold stays retired, and so does what a verdict retired: that is the reviewers' say.
    """
    changed = 0
    for part in _parts(items):
        with transaction.atomic():
            for pk in _lock(reopenable(project), project, part):
                reopen_item(Item(pk=pk))
                changed += 1
    return changed


def reopenable(project: Project) -> ItemQuerySet:
    """Retired items that neither gold nor a verdict keeps retired."""
    newest = Verdict.objects.filter(item=OuterRef("pk")).order_by("-id").values("kind")[:1]
    retired = Item.objects.filter(project=project, status=Item.Status.RETIRED, gold=None)
    return retired.alias(verdict=Coalesce(Subquery(newest), Value(""))).exclude(
        verdict=Verdict.Kind.RETIRE
    )


def _lock(wanted: ItemQuerySet, project: Project, part: list[int]) -> list[int]:
    fitting = wanted.filter(project=project, pk__in=part).values("pk")
    locked = Item.objects.select_for_update(of=("self",)).filter(pk__in=fitting)
    return list(locked.order_by("pk").values_list("pk", flat=True))


def _parts(items: Iterable[int]) -> Iterable[list[int]]:
    """In one order for everybody, so that two who do this at once wait and do not lock up."""
    ordered = sorted(set(items))
    return (ordered[first : first + AT_ONCE] for first in range(0, len(ordered), AT_ONCE))
