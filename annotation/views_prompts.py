"""A project's prompts and their categories: parse, call the service, render."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from annotation import queries_prompts, services
from annotation.forms_prompts import AssignForm, FilterForm, RenameForm, TargetsForm
from annotation.models import Project
from annotation.queries import find_project


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def prompts(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The prompts, filtered; POST sets target shares, renames a category, or moves prompts."""
    project = find_project(slug, request.user, "research")
    lines = queries_prompts.categories_of(project)
    chosen = FilterForm(request.GET, lines=lines)
    category, text = chosen.wish()
    rows = queries_prompts.matching(project, category, text)
    page = queries_prompts.prompts_page(rows, request.GET.get("page"))
    action = request.POST.get("action") if request.method == "POST" else None

    def sent(name: str) -> Any:
        return request.POST if action == name else None

    names = request.POST.getlist("category")
    targets = TargetsForm(sent("targets"), lines=lines, names=names)
    rename = RenameForm(sent("rename"), lines=lines, prefix="rename")
    assign = AssignForm(sent("assign"), shown=[prompt.pk for prompt in page])
    form: forms.Form | None = None
    said = ""
    try:
        if action == "targets":
            form, said = targets, _set_targets(project, targets)
        elif action == "rename":
            form, said = rename, _rename(project, rename)
        elif action == "assign":
            form, said = assign, _assign(project, assign, rows)
    except services.ContentInvalid as refusal:
        bound = {"targets": targets, "rename": rename, "assign": assign}[action or ""]
        bound.add_error(None, str(refusal))
        form = bound
    if said:
        messages.success(request, said)
        query = urlencode({"category": category, "text": text}) if action == "assign" else ""
        return redirect(f"{request.path}{'?' if query else ''}{query}")
    context = {
        "project": project,
        "section": "data",
        "lines": lines,
        "filter": chosen,
        "query": urlencode({"category": category, "text": text}),
        "page": page,
        "targets": targets,
        "rename": rename,
        "assign": assign,
    }
    bad = request.method == "POST" and (form is None or form.errors)
    return render(request, "annotation/prompts.html", context, status=422 if bad else 200)


def _set_targets(project: Project, form: TargetsForm) -> str:
    if not form.is_valid():
        return ""
    services.set_targets(project, form.shares())
    return "Target shares are saved."


def _rename(project: Project, form: RenameForm) -> str:
    if not form.is_valid():
        return ""
    old, new = form.cleaned_data["old"], form.cleaned_data["new"]
    count = services.rename_category(project, old, new)
    return f"“{old}” is now “{new}”: {_prompts(count)}."


def _assign(project: Project, form: AssignForm, rows: Any) -> str:
    if not form.is_valid():
        return ""
    chosen = (
        rows if form.cleaned_data["everything"] else rows.filter(pk__in=form.cleaned_data["prompt"])
    )
    count = services.set_category(project, chosen, form.cleaned_data["to"])
    name = form.cleaned_data["to"]
    where = f"to “{name}”" if name else "out of their categories"
    return f"{_prompts(count)} moved {where}."


def _prompts(count: int) -> str:
    return f"{count:,} prompt{'' if count == 1 else 's'}"
