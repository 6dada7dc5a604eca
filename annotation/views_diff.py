"""The words in which two responses differ, for the annotator's screen."""

from uuid import UUID

from django.http import HttpResponse, JsonResponse

from annotation.queries import find_assignment
from annotation.queries_diff import shown_diff
from annotation.views import SignedIn, from_screen


@from_screen
def word_diff(request: SignedIn, key: UUID) -> HttpResponse:
    turn = find_assignment(key, request.user, shown=False)
    return JsonResponse(shown_diff(turn.item_id, turn.display_order))
