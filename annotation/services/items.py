"""Items that are asked no more, or again."""

from django.db import transaction

from annotation.models import Gold, Item, place_now
from annotation.services.errors import NotAllowed
from annotation.services.extras import count_extras


@transaction.atomic
def retire_item(item: Item) -> None:
    """Ask nobody new. Turns that are open may still end, and what was said stays."""
    locked = Item.objects.select_for_update().get(pk=item.pk)
    locked.status = Item.Status.RETIRED
    locked.save(update_fields=["status"])


@transaction.atomic
def reopen_item(item: Item) -> None:
    """Put a retired item back into the queue, for the answers it still lacks."""
    locked = Item.objects.select_for_update().get(pk=item.pk)
    if Gold.objects.filter(item=locked).exists():
        raise NotAllowed("An item that is or was gold does not go back into the queue.")
    complete = locked.answer_count >= locked.answers_wanted
    locked.status = Item.Status.COMPLETE if complete else locked.waiting_status
    locked.came_back, locked.place = True, place_now()
    locked.save(update_fields=["status", "came_back", "place"])
    count_extras(locked)
