"""The data browser: parse the filters, render what fits, change what was chosen."""

from itertools import chain

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation import queries_browse, queries_browse_item, services
from annotation.forms_browse import BrowseForm, BulkForm
from annotation.models import Project
from annotation.queries import find_project


class SignedIn(HttpRequest):
    user: User


def _form(request: SignedIn, project: Project) -> BrowseForm:
    choices = queries_browse_item.filter_choices(project)
    return BrowseForm(request.GET, project=project, choices=choices)


@login_required
@never_cache
@require_safe
def browse(request: SignedIn, slug: str) -> HttpResponse:
    """The items that fit the address."""
    project = find_project(slug, request.user, "research")
    form = _form(request, project)
    page = queries_browse.browse_page(project, form.filters())
    context = {"project": project, "section": "data", "form": form, "page": page}
    return render(request, "annotation/browse.html", context)


@login_required
@never_cache
@require_safe
def browse_item(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Everything about one item."""
    project = find_project(slug, request.user, "research")
    shown = queries_browse_item.item_page(project, pk)
    context = {"project": project, "section": "data", "shown": shown}
    return render(request, "annotation/browse_item.html", context)


@login_required
@never_cache
@require_POST
def browse_bulk(request: SignedIn, slug: str) -> HttpResponse:
    """Retire or reopen: first a page that says what happens, then, confirmed, the change."""
    project = find_project(slug, request.user, "research")
    filters = _form(request, project).filters()
    back = f"{reverse('browse', args=[slug])}?{filters.query}"
    form = BulkForm(request.POST, items=request.POST.getlist("item"))
    if not form.is_valid():
        messages.error(request, "Choose items, and whether to retire or to reopen them.")
        return redirect(back)
    action = form.cleaned_data["action"]
    items: list[int] = form.cleaned_data["item"]
    if form.cleaned_data["scope"] == "all":
        items = list(chain.from_iterable(queries_browse.fitting(project, filters)))
    if not items:
        messages.error(request, "No item is chosen. Tick some, or take all that match.")
        return redirect(back)
    if not form.cleaned_data["confirmed"]:
        context = {
            "project": project,
            "section": "data",
            "action": action,
            "scope": form.cleaned_data["scope"],
            "items": items if form.cleaned_data["scope"] == "chosen" else [],
            "plan": queries_browse_item.bulk_plan(project, items, action),
            "filters": filters,
            "back": back,
        }
        return render(request, "annotation/browse_bulk.html", context)
    change = services.retire_items if action == "retire" else services.reopen_items
    changed = change(project, items)
    done = "retired" if action == "retire" else "reopened"
    messages.success(request, f"{changed:,} item{'' if changed == 1 else 's'} {done}.")
    return redirect(back)
