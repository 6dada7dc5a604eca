"""What the page on which items are built shows."""

from dataclasses import dataclass

from django.db.models import Count, Q, Sum

from annotation.builders import STRATEGIES
from annotation.models import Item, Project


@dataclass(frozen=True)
class ArmLine:
    """How far one arm is: the items whose responses were chosen in this way."""

    arm: str
    label: str
    items: int
    complete: int
    answers: int


def arms_page(project: Project, batch: str = "") -> list[ArmLine]:
    """The arms that the project has items of, the largest first; without retired ones and gold.

    With `batch`, of the items in the batch of this name.
    """
    items = project.items.filter(named_batch__name=batch) if batch else project.items
    rows = (
        items.filter(gold=None)
        .exclude(status__in=(Item.Status.RETIRED, Item.Status.RETEST))
        .order_by()
        .values("arm")
        .annotate(
            items=Count("id"),
            complete=Count("id", filter=Q(status=Item.Status.COMPLETE)),
            answers=Sum("answer_count"),
        )
    )
    lines = [
        ArmLine(label=STRATEGIES[row["arm"]].LABEL if row["arm"] in STRATEGIES else "", **row)
        for row in rows
    ]
    return sorted(lines, key=lambda line: (-line.items, line.arm))
