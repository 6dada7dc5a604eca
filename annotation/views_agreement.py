"""Agreement, bias and the leaderboard: render what was computed, pages and files."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import queries_agreement, queries_bias, queries_leaderboard
from annotation.csv_text import csv_file
from annotation.queries import find_project


@login_required
@never_cache
@require_safe
def agreement(request: HttpRequest, slug: str) -> HttpResponse:
    """How far people agree on one measure, `?measure=NAME`."""
    project = find_project(slug, request.user, "research")
    page = queries_agreement.agreement_page(project, request.GET.get("measure", ""))
    context = {"project": project, "section": "results", "page": page}
    return render(request, "annotation/agreement.html", context)


@login_required
@never_cache
@require_safe
def agreement_csv(request: HttpRequest, slug: str, table: str) -> HttpResponse:
    """One table of the page as a file."""
    project = find_project(slug, request.user, "research")
    text = queries_agreement.csv_of(project, table, request.GET.get("measure", ""))
    return csv_file(f"{project.slug}_agreement_{table}.csv", text)


@login_required
@never_cache
@require_safe
def bias(request: HttpRequest, slug: str) -> HttpResponse:
    """What moves answers besides the responses."""
    project = find_project(slug, request.user, "research")
    context = {"project": project, "section": "results", "page": queries_bias.bias_page(project)}
    return render(request, "annotation/bias.html", context)


@login_required
@never_cache
@require_safe
def bias_csv(request: HttpRequest, slug: str, table: str) -> HttpResponse:
    """One table of the page as a file, with everybody in it."""
    project = find_project(slug, request.user, "research")
    return csv_file(f"{project.slug}_bias_{table}.csv", queries_bias.csv_of(project, table))


@login_required
@never_cache
@require_safe
def leaderboard(request: HttpRequest, slug: str) -> HttpResponse:
    """Which sources people prefer, all against all; with `?style=alike`, as if all wrote alike."""
    project = find_project(slug, request.user, "research")
    page = queries_leaderboard.leaderboard_page(project, request.GET.get("style") == "alike")
    context = {"project": project, "section": "results", "page": page}
    return render(request, "annotation/leaderboard.html", context)


@login_required
@never_cache
@require_safe
def leaderboard_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """The standings as a file, `?style=alike` as on the page."""
    project = find_project(slug, request.user, "research")
    is_alike = request.GET.get("style") == "alike"
    name = f"{project.slug}_leaderboard{'_alike' if is_alike else ''}.csv"
    return csv_file(name, queries_leaderboard.csv_of(project, is_alike))
