"""A project's gold: parse, call one service or query, render."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import queries, queries_gold, services
from annotation.forms_gold import GoldKindForm, PolicyForm
from annotation.services.gold import policy_of
from annotation.task_types import TASK_TYPES
from annotation.views import SignedIn, form_errors, from_screen, refuse


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def gold(request: SignedIn, slug: str) -> HttpResponse:
    """The gold and how people do on it; POST changes how the project uses it."""
    project = queries.find_project(slug, request.user, "research")
    page = queries_gold.gold_page(project)
    form = PolicyForm(request.POST or None, instance=policy_of(project), training=page.training)
    if form.is_valid():
        services.set_policy(project, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("gold", slug)
    context = {"project": project, "section": "data", "page": page, "form": form}
    status = 422 if form.errors else 200
    return render(request, "annotation/people/gold.html", context, status=status)


@login_required
@never_cache
@require_safe
def gold_new(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """An item in its own form, for the researcher to answer."""
    project = queries.find_project(slug, request.user, "research")
    item = queries_gold.find_item(project, pk)
    card = queries_gold.gold_card(item)
    own = f"annotation/task_types/{card.task_type}.html"
    context = {
        "project": project,
        "section": "data",
        "item": item,
        "card": card,
        "task_templates": [own, "annotation/task_types/_default.html"],
    }
    return render(request, "annotation/people/gold_new.html", context)


@from_screen
def gold_make(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Keep the researcher's answer; the item becomes gold."""
    project = queries.find_project(slug, request.user, "research")
    item = queries_gold.find_item(project, pk)
    kind, answer = GoldKindForm(request.POST), queries_gold.gold_form(item, request.POST)
    if not (kind.is_valid() & answer.is_valid()):
        return refuse(form_errors(answer, kind))
    order = range(answer.responses)
    services.make_gold(
        item,
        kind=kind.cleaned_data["kind"],
        answer=TASK_TYPES[item.task_type].to_canonical(answer.cleaned_data, order),
        reason=answer.cleaned_data["rationale"],
        user=request.user,
    )
    return JsonResponse({})


@login_required
@never_cache
@require_POST
def gold_retire(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Ask nobody any more, and take it out of everybody's agreement."""
    project = queries.find_project(slug, request.user, "research")
    services.retire_gold(queries_gold.find_gold(project, pk))
    messages.success(request, "Retired. Nobody is asked it or measured by it any more.")
    return redirect("gold", slug)
