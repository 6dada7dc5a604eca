"""The preview of a text that an annotator is writing: parse, call one query, render."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render

from annotation import queries, queries_preview
from annotation.forms import PreviewForm
from annotation.views import SignedIn, form_errors, from_screen, refuse


@from_screen
def preview(request: SignedIn, key: UUID) -> HttpResponse:
    """The text rendered; with `edited`, what it changes in the response at that place."""
    assignment = queries.find_assignment(key, request.user)
    form = PreviewForm(request.POST, responses=len(assignment.display_order))
    if not form.is_valid():
        return refuse(form_errors(form))
    text, place = form.cleaned_data["text"], form.cleaned_data["edited"]
    if place is None:
        context: dict[str, object] = {"html": queries_preview.preview(assignment, text)}
    else:
        context = {"changes": queries_preview.changes_of(assignment, text, place)}
    return render(request, "annotation/_preview.html", context)
