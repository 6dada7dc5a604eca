"""Records of production: how many came, the policy, and what redaction would do to a text."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation import queries_logs, services
from annotation.forms_logs import LogPolicyForm, PreviewForm
from annotation.models import Project
from annotation.queries import find_project


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def logs(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The counts for researchers; managers change the policy."""
    verb = "manage" if request.method == "POST" else "research"
    project = find_project(slug, request.user, verb)
    page = queries_logs.logs_page(project)
    form = LogPolicyForm(request.POST if request.method == "POST" else None, policy=page.policy)
    if form.is_valid():
        services.set_log_policy(project, **form.cleaned_data)
        messages.success(request, "The policy is saved.")
        return redirect("logs", slug)
    return _rendered(request, project, page=page, form=form, preview=PreviewForm())


@login_required
@never_cache
@require_POST
def logs_preview(request: HttpRequest, slug: str) -> HttpResponse:
    """What redaction would make of a text. Nothing of it is stored."""
    project = find_project(slug, request.user, "research")
    page = queries_logs.logs_page(project)
    preview = PreviewForm(request.POST)
    shown = None
    if preview.is_valid():
        shown = queries_logs.preview(project, preview.cleaned_data["text"])
    form = LogPolicyForm(policy=page.policy)
    return _rendered(request, project, page=page, form=form, preview=preview, shown=shown)


def _rendered(request: HttpRequest, project: Project, **parts: Any) -> HttpResponse:
    path = reverse("api_logs", args=[project.slug])
    context = {
        "project": project,
        "section": "data",
        "address": request.build_absolute_uri(path),
        **parts,
    }
    bad = parts["form"].errors or parts["preview"].errors
    return render(request, "annotation/logs.html", context, status=422 if bad else 200)
