"""What stands on the annotator's screen in the place of an item until it is read."""

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from annotation import queries_people
from annotation.models import Project


def render_notice(
    request: HttpRequest, annotator: User, project: Project, kind: str
) -> HttpResponse:
    """The fragment of this kind of notice, for this person, as it stands now."""
    notice = queries_people.NOTICES[kind](project, annotator)
    context = {"project": project, "notice": notice}
    return render(request, f"annotation/people/_notice_{kind}.html", context)
