"""Agreement: render what was computed, page and files."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import queries_agreement
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
    name = f"{project.slug}_agreement_{table}.csv"
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
