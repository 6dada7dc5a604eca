"""Chat: parse, call one service or query, render. No view waits for a model."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from annotation import queries, queries_chat, services
from annotation.forms import FLAG_REASONS, SKIP_REASONS, SubmitForm
from annotation.forms_chat import AskingForm, ComposerForm, EndpointForm, MessageForm, ReplyForm
from annotation.models import Conversation
from annotation.task_types import TASK_TYPES
from annotation.views import (
    SignedIn,
    form_errors,
    form_status,
    from_screen,
    in_json,
    refuse,
)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def chat(request: SignedIn, slug: str) -> HttpResponse:
    """GET: the conversation written in last, or what chat is. POST: a new conversation."""
    project = queries.find_project(slug, request.user, "annotate")
    is_on = queries_chat.chat_is_on(project)
    if request.method == "POST" and is_on:
        try:
            started = services.start_conversation(project, request.user)
        except services.NotAllowed as refusal:
            messages.error(request, str(refusal))
            return redirect("chat", slug)
        return redirect("conversation", slug, started.key)
    lines = queries_chat.conversations(project, request.user)
    if lines:
        return redirect("conversation", slug, lines[0].key)
    context = {"project": project, "section": "chat", "is_on": is_on}
    status = 409 if request.method == "POST" else 200  # it was switched off meanwhile
    return render(request, "annotation/chat_start.html", context, status=status)


@login_required
@never_cache
@require_safe
def conversation(request: SignedIn, slug: str, key: UUID) -> HttpResponse:
    found = queries_chat.find_conversation(key, slug, request.user)
    context = {
        "project": found.project,
        "section": "chat",
        "conversation": found,
        "is_on": queries_chat.chat_is_on(found.project),
        "lines": queries_chat.conversations(found.project, request.user),
        "composer_json": json.dumps({"text": [found.draft]}) if found.draft else "",
        "guideline": queries.guideline(found.project),
        "skip_reasons": SKIP_REASONS,
        "flag_reasons": FLAG_REASONS,
    }
    return render(request, "annotation/chat.html", context | thread_context(found))


@require_safe
@in_json
def thread(request: SignedIn, slug: str, key: UUID) -> HttpResponse:
    """The conversation as it stands; 204 while that is what the page shows already (`seen`)."""
    found = queries_chat.find_conversation(key, slug, request.user)
    seen = request.GET.get("seen", "")
    if queries_chat.is_still_waiting(found, seen):
        return HttpResponse(status=204)  # asked every second: nothing is rendered for it
    context = thread_context(found, change="change" in request.GET)
    if seen == context["thread"].token:
        return HttpResponse(status=204)
    return render(request, "annotation/_thread.html", context)


def thread_context(conversation: Conversation, *, change: bool = False) -> dict[str, Any]:
    shown = queries_chat.thread(conversation, change=change)
    context: dict[str, Any] = {"thread": shown}
    if shown.card:
        own = f"annotation/task_types/{shown.card.task_type}.html"
        context["item_templates"] = [own, "annotation/task_types/_default.html"]
        context["card"] = shown.card
        context["draft_json"] = json.dumps(shown.card.draft) if shown.card.draft else ""
    return context


@from_screen
def send(request: SignedIn, slug: str, key: UUID) -> HttpResponse:
    found = queries_chat.find_conversation(key, slug, request.user)
    form = MessageForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    services.require_all_read(found.project, request.user)
    services.require_trained(found.project, request.user)
    services.send_message(found, form.cleaned_data["text"], form.cleaned_data["send_key"])
    return render(request, "annotation/_thread.html", thread_context(found))


@from_screen
def retry(request: SignedIn, slug: str, key: UUID) -> HttpResponse:
    found = queries_chat.find_conversation(key, slug, request.user)
    services.retry_turn(found)
    return render(request, "annotation/_thread.html", thread_context(found))


@from_screen
def choose(request: SignedIn, slug: str, key: UUID) -> HttpResponse:
    """The judgement of the last turn's candidates, and what the conversation goes on with."""
    found = queries_chat.find_conversation(key, slug, request.user)
    assignment = queries_chat.open_choice(found)
    sent, reply = SubmitForm(request.POST), ReplyForm(request.POST)
    answer = queries.answer_form(assignment, request.POST)
    if not (sent.is_valid() & reply.is_valid() & answer.is_valid()):
        return refuse(form_errors(answer, reply, sent))
    kind = TASK_TYPES[assignment.item.task_type]
    services.choose_reply(
        found,
        assignment,
        answer=kind.to_canonical(answer.cleaned_data, assignment.display_order),
        rationale=answer.cleaned_data["rationale"],
        submit_key=sent.cleaned_data["submit_key"],
        seconds=sent.cleaned_data["seconds"],
        go_on=reply.cleaned_data["go_on"],
        edited=reply.cleaned_data["edited"],
    )
    return render(request, "annotation/_thread.html", thread_context(found))


@from_screen
def draft(request: SignedIn, slug: str, key: UUID) -> HttpResponse:
    """What stands in the composer."""
    found = queries_chat.find_conversation(key, slug, request.user)
    form = ComposerForm(request.POST)
    if not form.is_valid():
        return refuse(form_errors(form))
    services.save_composer(found, form.cleaned_data["draft"], form.cleaned_data["version"])
    return HttpResponse(status=204)


# --- for managers ---------------------------------------------------------------------------------


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def endpoints(request: SignedIn, slug: str) -> HttpResponse:
    """The models of a project's chat; POST adds one."""
    project = queries.find_project(slug, request.user, "manage")
    form = EndpointForm(request.POST or None, offered=queries_chat.offered(project))
    if form.is_valid():
        try:
            services.add_endpoint(project, **form.cleaned_data)
        except services.AnswerInvalid as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, f"{form.cleaned_data['label']} is in the chat.")
            return redirect("endpoints", slug)
    context = {
        "project": project,
        "section": "settings",
        "form": form,
        "lines": queries_chat.endpoints_page(project),
        "is_on": queries_chat.chat_is_on(project),
    }
    return render(request, "annotation/endpoints.html", context, status=form_status(form))


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def endpoint(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """How one of them is asked."""
    project = queries.find_project(slug, request.user, "manage")
    found = queries_chat.find_endpoint(project, pk)
    asked = {name: getattr(found, name) for name in ("candidates", "temperature", "max_tokens")}
    form = AskingForm(request.POST or None, initial=asked)
    if form.is_valid():
        try:
            services.update_endpoint(found, **form.cleaned_data)
        except services.AnswerInvalid as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, "Saved.")
            return redirect("endpoints", slug)
    context = {"project": project, "section": "settings", "form": form, "endpoint": found}
    return render(request, "annotation/endpoint.html", context, status=form_status(form))
