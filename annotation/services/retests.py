"""Retests: an item comes back to the person who answered it, in the swapped order.

Which answers are asked for again, and when, is drawn as they are given (`retest_plan`). What comes
is an item of its own with an assignment like any other, so skipping, undoing, drafts and leases
need no second code, and look alike from outside. It comes only where something else would have,
which is next.
"""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Subquery

from annotation.models import Assignment, Item, ItemResponse, Project, Retest, Tally
from annotation.services.claims import claim_item
from annotation.services.flow import flow_policy_of


def claim_retest(project: Project, annotator: User, turn: Assignment) -> Assignment | None:
    """An item to answer again before this turn; None when none is due."""
    policy = flow_policy_of(project)
    if policy is None or not policy.retest_share or turn.item.status == Item.Status.GOLD:
        return None
    answered = Tally.objects.filter(project=project, annotator=annotator).values("answered")
    due = Retest.objects.filter(
        project=project,
        annotator=annotator,
        item=None,
        due__lte=Subquery(answered[:1]),
        first__status=Assignment.Status.ANSWERED,
    ).exclude(first__item__status__in=(Item.Status.GOLD, Item.Status.RETIRED))
    waiting = due.order_by("due", "id").values_list("pk", flat=True).first()
    return _give(waiting, annotator, turn) if waiting is not None else None


@transaction.atomic
def _give(waiting: int, annotator: User, turn: Assignment) -> Assignment | None:
    """Put the item to the person once more; None if another tab has got it meanwhile."""
    retest = Retest.objects.select_for_update().filter(pk=waiting, item=None).first()
    if retest is None:
        return None
    first = Assignment.objects.select_related("item").get(pk=retest.first_id)
    retest.item = _copy(first)
    retest.save(update_fields=["item"])
    again = claim_item(retest.item, annotator)
    if again is None:
        return None
    again.display_seed, again.display_order = first.display_seed, first.display_order[::-1]
    # What is open comes back in the order of claiming: what is on the screen first stays first.
    again.claimed = turn.claimed - timedelta(microseconds=1)
    again.save(update_fields=["display_seed", "display_order", "claimed"])
    return again


def _copy(first: Assignment) -> Item:
    item = first.item
    copy = Item.objects.create(
        project_id=item.project_id,
        prompt_id=item.prompt_id,
        key=f"retest:{first.key}",
        task_type=item.task_type,
        task_config=item.task_config,
        status=Item.Status.RETEST,
        round=item.round,
        origin=item.origin,
        arm=item.arm,
        priority=item.priority,
    )
    ItemResponse.objects.bulk_create(
        ItemResponse(item=copy, response_id=link.response_id, position=link.position)
        for link in item.item_responses.all()
    )
    return copy
