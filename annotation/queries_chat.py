"""What the pages of chat show. An annotator's page names no endpoint, source or primary key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.http import Http404
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from annotation import permissions
from annotation.chat.served import provider
from annotation.models import Assignment, Candidate, Conversation, Endpoint, Project, Turn
from annotation.models.content import SHORT
from annotation.queries import ItemCard, ShownMessage, item_card
from annotation.rendering import render
from annotation.services import chat_turns
from annotation.services.endpoints import plan

MAX_LISTED = 50


def find_conversation(key: UUID, slug: str, user: User) -> Conversation:
    """The user's own conversation in this project; else Http404."""
    found = (
        Conversation.objects.filter(key=key, project__slug=slug, annotator=user)
        .select_related("project", "annotator")
        .first()
    )
    if found is None:
        raise Http404("No such conversation.")
    permissions.require(user, "annotate", found.project)
    return found


def chat_is_on(project: Project) -> bool:
    return not project.is_archived and len(plan(project)) >= 2


@dataclass(frozen=True)
class ConversationLine:
    key: UUID
    opening: str
    turns: int
    created: datetime


def conversations(project: Project, annotator: User) -> list[ConversationLine]:
    """The annotator's own, the one written in last first; one that is empty has no opening."""
    first = Turn.objects.filter(conversation=OuterRef("pk"), number=1).values("text")
    rows = (
        Conversation.objects.filter(project=project, annotator=annotator)
        .annotate(opening=Subquery(first[:1]), count=Count("turns"), last=Max("turns__created"))
        .order_by("-pk")[:MAX_LISTED]
    )
    lines = [
        ConversationLine(
            row.key, Truncator(row.opening or "").chars(SHORT), row.count, row.last or row.created
        )
        for row in rows
    ]
    return sorted(lines, key=lambda line: line.created, reverse=True)


@dataclass(frozen=True)
class Thread:
    """A conversation as it stands.

    empty     nothing is said yet
    waiting   for the answers to the last message
    failed    they did not come, or nobody was heard of for long
    choosing  they are in `card`
    settled   `reply` is the one that it goes on with
    """

    key: UUID
    state: str
    messages: tuple[ShownMessage, ...] = ()
    number: int = 0
    text: str = ""
    error: str = ""
    card: ItemCard | None = None
    reply: SafeString | None = None
    reply_text: str = ""
    was_edited: bool = False
    may_change: bool = False

    @property
    def token(self) -> str:
        """Another one whenever the page has something new to show."""
        return f"{self.number}-{self.state}"

    @property
    def may_write(self) -> bool:
        return self.state in ("empty", "failed", "settled")


def is_still_waiting(conversation: Conversation, seen: str) -> bool:
    """Whether the answers that a page waits for are still under way."""
    last = chat_turns.last_turn(conversation)
    return (
        last is not None
        and seen == f"{last.number}-waiting"
        and last.status in chat_turns.UNDER_WAY
        and not chat_turns.is_overdue(last)
    )


def thread(conversation: Conversation, *, change: bool = False) -> Thread:
    """The conversation as its annotator sees it; with `change`, the last choice once more."""
    last = chat_turns.last_turn(conversation)
    if last is None:
        return Thread(conversation.key, "empty")
    markdown = conversation.project.render_markdown
    facts: dict[str, Any] = {
        "key": conversation.key,
        "number": last.number,
        "text": last.text,
        "messages": tuple(
            ShownMessage(message["role"], render(message["content"], markdown=markdown))
            for message in last.prompt.messages
        ),
    }
    if last.status in chat_turns.UNDER_WAY:
        if not chat_turns.is_overdue(last):
            return Thread(state="waiting", **facts)
        late = "The answers did not come: no worker has been heard of for a while."
        return Thread(state="failed", error=late, **facts)
    if last.status == Turn.Status.FAILED:
        return Thread(state="failed", error=last.error, **facts)
    assignment = chat_turns.assignment_of(last) if last.item_id else None
    reply = chat_turns.reply_of(last)
    is_open = assignment is not None and assignment.status not in chat_turns.SETTLED
    if assignment is not None and (is_open or reply is None or change):
        return Thread(state="choosing", card=item_card(assignment), **facts)
    assert reply is not None, "a turn that is answered without an item has its reply"
    return Thread(
        state="settled",
        reply=render(reply.text, markdown=markdown),
        reply_text=reply.text,
        was_edited=reply.source.slug == chat_turns.PEOPLE,
        may_change=assignment is not None and assignment.status != Assignment.Status.SKIPPED,
        **facts,
    )


def open_choice(conversation: Conversation) -> Assignment:
    """The annotator's turn at the item of the last turn; else Http404."""
    last = chat_turns.last_turn(conversation)
    found = chat_turns.assignment_of(last) if last is not None and last.item_id else None
    if found is None:
        raise Http404("There is nothing to choose from.")
    return found


# --- for managers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class EndpointLine:
    """An endpoint without its key: only whether there is one."""

    pk: int
    label: str
    where: str
    model: str
    has_key: bool
    temperature: float
    max_tokens: int
    candidates: int
    answered: int
    failed: int
    last_error: str


def endpoints_page(project: Project) -> list[EndpointLine]:
    """The project's endpoints, how often each answered, and why it last did not."""
    failed = Candidate.objects.filter(endpoint=OuterRef("pk")).exclude(error="").order_by("-pk")
    rows = project.endpoints.annotate(
        answered=Count("requests", filter=Q(requests__response__isnull=False)),
        failed=Count("requests", filter=~Q(requests__error="")),
        last_error=Subquery(failed.values("error")[:1]),
    ).order_by("id")
    labels = dict(provider().offered(project))
    return [
        EndpointLine(
            pk=row.pk,
            label=row.label,
            where=row.address or "served here",
            model=row.model or labels.get(row.served, row.served),
            has_key=bool(row.api_key),
            temperature=row.temperature,
            max_tokens=row.max_tokens,
            candidates=row.candidates,
            answered=row.answered,
            failed=row.failed,
            last_error=row.last_error or "",
        )
        for row in rows
    ]


def find_endpoint(project: Project, pk: int) -> Endpoint:
    endpoint = project.endpoints.filter(pk=pk).select_related("project").first()
    if endpoint is None:
        raise Http404("No such endpoint.")
    return endpoint


def offered(project: Project) -> list[tuple[str, str]]:
    """(name, label) of the models that this installation can serve to the project."""
    return provider().offered(project)
