"""How much is asked of whom: parse, call one service or query, render."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from annotation import queries, queries_flow, queries_projects, services
from annotation.forms_flow import FlowForm, MemberLimitsForm
from annotation.services.flow import flow_policy_of
from annotation.views import SignedIn, form_status


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def workload(request: SignedIn, slug: str) -> HttpResponse:
    """How the project spreads its questions over its people; POST changes it."""
    project = queries.find_project(slug, request.user, "manage")
    policy = flow_policy_of(project)
    form = FlowForm(request.POST or None, instance=policy, project=project)
    if form.is_valid():
        services.set_flow_policy(project, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("workload", slug)
    context = {
        "project": project,
        "section": "settings",
        "form": form,
        "page": queries_flow.flow_page(project),
    }
    return render(request, "annotation/workload.html", context, status=form_status(form))


@login_required
@never_cache
@require_POST
def member_limits(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Let other limits hold for one member."""
    project = queries.find_project(slug, request.user, "manage")
    member = queries_projects.find_member(project, pk)
    form = MemberLimitsForm(request.POST)
    if form.is_valid():
        services.set_member_limits(project, member, **form.cleaned_data)
        messages.success(request, f"The limits of {member} are set.")
    else:
        name = form.fields[next(iter(form.errors))].label
        messages.error(request, f"{name}: write a whole number from 0 on, or nothing.")
    return redirect("person", slug, pk)
