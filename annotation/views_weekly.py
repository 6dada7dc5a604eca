"""A person's week, the notice that it is ready, and the end of its e-mails."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation import queries, queries_weekly
from annotation.services import weeks
from annotation.views import SignedIn


@login_required
@never_cache
@require_safe
def week(request: SignedIn, slug: str, monday: str = "") -> HttpResponse:
    """What the reader did in a week that is over, and where they differ from the researchers."""
    project = queries.find_project(slug, request.user, "annotate")
    chosen = queries_weekly.find_week(monday)
    context = {
        "project": project,
        "section": "me",
        "page": queries_weekly.week_page(project, request.user, chosen),
    }
    if request.method == "GET":
        weeks.mark_week_seen(project, request.user, chosen)
    return render(request, "annotation/people/week.html", context)


@login_required
@never_cache
@require_POST
def dismiss_week(request: SignedIn, slug: str, monday: str) -> HttpResponse:
    """Put the notice away; the page stays where it is."""
    project = queries.find_project(slug, request.user, "annotate")
    weeks.dismiss_week(project, request.user, queries_weekly.find_week(monday))
    if request.headers.get("HX-Request"):
        return HttpResponse()
    return redirect("me", slug)
