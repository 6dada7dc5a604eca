"""What the screen shows when it marks the words in which two responses differ."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404

from annotation.models import ItemResponse
from annotation.worddiff import word_diff


def shown_diff(item: int, order: Sequence[int]) -> dict[str, Any]:
    """{"responses": [[[text, differs], …], …]} in display order, or {"message": sentence}."""
    links = ItemResponse.objects.filter(item=item).select_related("response")
    texts = [link.response.text for link in links.order_by("position")]
    if len(texts) != 2:
        raise Http404("Only two responses can be compared word by word.")
    both = word_diff(*(texts[index] for index in order))
    if both is None:
        return {"message": "These responses are too long to be compared word by word."}
    if not any(segment.differs for segments in both for segment in segments):
        return {"message": "Both have the same words; only their spacing differs."}
    return {
        "responses": [
            [[segment.text, segment.differs] for segment in segments] for segments in both
        ]
    }
