"""Categories that a person would rather not see: the page, and the warning's second button."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import services
from annotation.queries import find_assignment, find_project
from annotation.queries_opt_outs import categories_page
from annotation.views import SignedIn, from_screen


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def categories(request: SignedIn, slug: str) -> HttpResponse:
    project = find_project(slug, request.user, "annotate")
    lines = categories_page(project, request.user)
    if request.method == "POST":
        sent = set(request.POST.getlist("unwanted"))
        unwanted = {line.category for line in lines} & sent
        services.choose_categories(project, request.user, unwanted)
        messages.success(request, "Saved.")
        return redirect("categories", slug)
    context = {"project": project, "section": "overview", "lines": lines}
    return render(request, "annotation/categories.html", context)


@from_screen
def opt_out(request: SignedIn, key: UUID) -> HttpResponse:
    assignment = find_assignment(key, request.user)
    item = assignment.item
    services.opt_out(item.project, request.user, item.prompt.category)
    return JsonResponse({})
