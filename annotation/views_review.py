"""Review and adjudication: parse, call one service or query, render."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation import queries, queries_adjudication, queries_gold, queries_review, services
from annotation.forms_review import (
    AnswerCommentForm,
    FilterForm,
    VerdictForm,
    VerdictGoldForm,
)
from annotation.models import Assignment, Project, Verdict
from annotation.queries_diff import shown_diff
from annotation.queries_review import Filters
from annotation.task_types import TASK_TYPES
from annotation.views import SignedIn, form_errors, from_screen, refuse


@login_required
@never_cache
@require_safe
def review(request: SignedIn, slug: str) -> HttpResponse:
    """Items whose answers disagree, the most disputed first, and what else waits for a reviewer."""
    project = queries.find_project(slug, request.user, "review")
    filters = FilterForm(request.GET).filters()
    context = {
        "project": project,
        "section": "review",
        "review": queries_review.review_page(
            project, request.user, filters, request.GET.get("page")
        ),
    }
    return render(request, "annotation/review/list.html", context)


@login_required
@never_cache
@require_safe
def adjudicate(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """One item with all its answers, and its own form for the reviewer's verdict."""
    project = queries.find_project(slug, request.user, "review")
    item = queries_adjudication.find_reviewed(project, pk)
    filters = FilterForm(request.GET).filters()
    shown = queries_adjudication.adjudication(item, request.user)
    if request.method == "GET":
        services.mark_replies_read(item)
    context = {
        "project": project,
        "section": "review",
        "shown": shown,
        "card": shown.card,
        "diff_url": reverse("review_diff", args=[slug, pk]),
        "filters": filters,
        "next_url": address(project, filters, queries_review.next_item(project, filters, item)),
        "task_templates": [
            f"annotation/task_types/{shown.card.task_type}.html",
            "annotation/task_types/_default.html",
        ],
    }
    return render(request, "annotation/review/adjudicate.html", context)


def address(project: Project, filters: Filters, item: int | None = None) -> str:
    """Of an item under these filters, or of the list."""
    url = (
        reverse("adjudicate", args=[project.slug, item])
        if item
        else (reverse("review", args=[project.slug]))
    )
    return f"{url}?{filters.query}" if filters.query else url


@from_screen
def diff(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """The words in which two responses differ, in the reviewer's order."""
    project = queries.find_project(slug, request.user, "review")
    item = queries_adjudication.find_reviewed(project, pk)
    order = queries_adjudication.order_for(item, request.user, item.item_responses.count())
    return JsonResponse(shown_diff(item.pk, order))


@from_screen
def verdict(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Keep a verdict; says where the reviewer goes on."""
    project = queries.find_project(slug, request.user, "review")
    item = queries_adjudication.find_reviewed(project, pk)
    sent = VerdictForm(request.POST)
    order = queries_adjudication.order_for(item, request.user, item.item_responses.count())
    answer = None
    if request.POST.get("kind") == Verdict.Kind.ANSWER:
        form = queries_adjudication.verdict_form(item, order, request.POST)
        if not (sent.is_valid() & form.is_valid()):
            return refuse(form_errors(sent, form))
        answer = TASK_TYPES[item.task_type].to_canonical(form.cleaned_data, order)
    elif not sent.is_valid():
        return refuse(form_errors(sent))
    filters = FilterForm(request.GET).filters()
    following = queries_review.next_item(project, filters, item)
    services.give_verdict(
        item,
        kind=sent.cleaned_data["kind"],
        answer=answer,
        reason=sent.cleaned_data["rationale"],
        reviewer=request.user,
        submit_key=sent.cleaned_data["submit_key"],
        known=sent.cleaned_data["known"],
    )
    messages.success(request, f"Your verdict on item {item.pk} is kept.")
    return JsonResponse({"next": address(project, filters, following)})


@login_required
@never_cache
@require_POST
def comment(request: SignedIn, slug: str, pk: int, key: UUID) -> HttpResponse:
    """Say something to the annotator who gave this answer."""
    project = queries.find_project(slug, request.user, "review")
    item = queries_adjudication.find_reviewed(project, pk)
    turn = queries_adjudication.find_turn(item, key)
    if say(request, turn):
        messages.success(request, "The annotator sees your comment under “Your work”.")
    filters = FilterForm(request.GET).filters()
    return redirect(f"{address(project, filters, item.pk)}#answer-{turn.key}")


@login_required
@never_cache
@require_POST
def reply(request: SignedIn, key: UUID) -> HttpResponse:
    """The annotator answers what a reviewer said about an answer of theirs."""
    turn = queries.find_assignment(key, request.user)
    if say(request, turn):
        messages.success(request, "The reviewers see your reply.")
    return redirect(f"{reverse('me', args=[turn.item.project.slug])}#thread-{turn.key}")


def say(request: SignedIn, turn: Assignment) -> bool:
    """Add what was sent to the thread of this answer; what is wrong with it becomes a message."""
    form = AnswerCommentForm(request.POST)
    try:
        if not form.is_valid():
            raise services.AnswerInvalid("text", str(form.errors["text"][0]))
        services.comment_on_answer(turn, request.user, form.cleaned_data["text"])
    except services.AnswerInvalid as refusal:
        messages.error(request, refusal.message)
    except services.NotAllowed as refusal:
        messages.error(request, str(refusal))
    else:
        return True
    return False


# --- gold -----------------------------------------------------------------------------------------


@login_required
@never_cache
@require_POST
def verdict_gold(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """The item becomes gold, with the verdict as its answer."""
    project = queries.find_project(slug, request.user, "review")
    item = queries_adjudication.find_reviewed(project, pk)
    form = VerdictGoldForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose hidden or training gold.")
        return redirect("adjudicate", slug, pk)
    try:
        services.make_gold_of_verdict(item, kind=form.cleaned_data["kind"], user=request.user)
    except services.NotAllowed as refusal:
        messages.error(request, str(refusal))
        return redirect("adjudicate", slug, pk)
    except services.AnswerInvalid as refusal:
        messages.error(request, refusal.message)
        return redirect("adjudicate", slug, pk)
    messages.success(request, f"Item {pk} is gold now. Your verdict is its answer.")
    return redirect("review", slug)


@login_required
@never_cache
@require_safe
def gold(request: SignedIn, slug: str) -> HttpResponse:
    """Gold that many miss or that somebody flagged."""
    project = queries.find_project(slug, request.user, "review")
    lines = [line for line in queries_gold.gold_lines(project) if line.is_doubtful]
    context = {"project": project, "section": "review", "lines": lines}
    return render(request, "annotation/review/gold.html", context)


@login_required
@never_cache
@require_POST
def gold_retire(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Ask nobody any more, and take it out of everybody's agreement."""
    project = queries.find_project(slug, request.user, "review")
    services.retire_gold(queries_gold.find_gold(project, pk))
    messages.success(request, "Retired. Nobody is asked it or measured by it any more.")
    return redirect("review_gold", slug)
