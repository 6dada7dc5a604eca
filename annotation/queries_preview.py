"""What the editor of a demonstration shows beside the text: how it will look, what was changed."""

from django.utils.safestring import SafeString

from annotation.models import Assignment, ItemResponse
from annotation.rendering import render
from annotation.text_diff import Change, changes


def preview(assignment: Assignment, text: str) -> SafeString:
    """The text as responses of this project are shown."""
    return render(text, markdown=assignment.item.project.render_markdown)


def changes_of(assignment: Assignment, text: str, place: int) -> list[Change]:
    """What the text changes in the response that is shown at this place."""
    edited = ItemResponse.objects.select_related("response").get(
        item=assignment.item_id, position=assignment.display_order[place]
    )
    return changes(edited.response.text, text)
