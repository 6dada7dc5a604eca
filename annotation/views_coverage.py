"""Coverage and diversity: render what was counted, ask a worker to measure."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation import queries_coverage
from annotation.coverage import jobs
from annotation.coverage.sample import MAX_GROUPS, MAX_SAMPLE
from annotation.csv_text import csv_file
from annotation.queries import find_project


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def coverage(request: HttpRequest, slug: str) -> HttpResponseBase:
    """What is asked of which kind; POST has diversity measured. For htmx, that part alone."""
    project = find_project(slug, request.user, "research")
    if request.method == "POST":
        jobs.measure(project)
        return redirect("coverage", slug)
    context = {
        "project": project,
        "section": "data",
        "page": queries_coverage.coverage_page(project),
        "max_sample": MAX_SAMPLE,
        "max_groups": MAX_GROUPS,
    }
    is_fragment = request.headers.get("HX-Request") == "true"
    template = "annotation/_diversity.html" if is_fragment else "annotation/coverage.html"
    return render(request, template, context)


@login_required
@never_cache
@require_safe
def coverage_csv(request: HttpRequest, slug: str, table: str) -> HttpResponse:
    """One table of the page as a file."""
    project = find_project(slug, request.user, "research")
    text = queries_coverage.csv_of(project, table)
    return csv_file(f"{project.slug}_{table}.csv", text)
