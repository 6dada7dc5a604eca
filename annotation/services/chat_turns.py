"""Turns of a conversation: how they stand, and what a worker does with them.

A turn is stored before any model is asked. A worker claims it by compare-and-set, asks, and closes
it in one transaction; whoever holds an older attempt writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from annotation.chat.client import Reply, RequestFailed
from annotation.models import (
    Annotation,
    Assignment,
    Candidate,
    Conversation,
    Endpoint,
    Item,
    Project,
    Response,
    Turn,
)
from annotation.services.claims import claim_item
from annotation.services.content import get_or_add_response, queue_item
from annotation.services.errors import ContentInvalid
from annotation.task_types import TASK_TYPES

OVERDUE_SECONDS = 60  # without a sign of life from a worker
KNOCK_AGAIN_SECONDS = 30
PEOPLE = "annotators"  # the source of replies that annotators edited
KNOCK_UNTIL_SECONDS = 600  # nobody waits at the page for longer; they can ask anew

UNDER_WAY = (Turn.Status.WAITING, Turn.Status.RUNNING)
SETTLED = (Assignment.Status.ANSWERED, Assignment.Status.EXTRA, Assignment.Status.SKIPPED)


# --- how a turn stands ----------------------------------------------------------------------------


def last_turn(conversation: Conversation) -> Turn | None:
    turns = conversation.turns.select_related(
        "prompt", "item", "reply__source", "conversation__project", "conversation__annotator"
    )
    return turns.order_by("-number").first()


def is_overdue(turn: Turn) -> bool:
    """No worker has shown for a minute that it is at this turn."""
    if turn.status not in UNDER_WAY:
        return False
    return overdue().filter(pk=turn.pk).exists()


def overdue(seconds: float = OVERDUE_SECONDS) -> QuerySet[Turn]:
    return Turn.objects.filter(
        status__in=UNDER_WAY, heartbeat__lt=Now() - timedelta(seconds=seconds)
    )


def assignment_of(turn: Turn) -> Assignment | None:
    """The annotator's own turn at the item."""
    return (
        Assignment.objects.filter(item=turn.item_id, annotator=turn.conversation.annotator_id)
        .select_related("item__project", "item__prompt", "guideline")
        .first()
    )


def reply_of(turn: Turn) -> Response | None:
    """What the conversation goes on with; None while the annotator has not chosen."""
    return turn.reply or default_reply(turn)


def default_reply(turn: Turn) -> Response | None:
    """The best response under the annotator's answer; of equal ones the one shown first, which is
    a random one. After a skip, any."""
    assignment = assignment_of(turn) if turn.item_id else None
    if assignment is None or turn.item is None or assignment.status not in SETTLED:
        return None
    responses = responses_of(turn)
    points = [0.0] * len(responses)
    said = assignment.annotations.order_by("-revision").first()
    if said is not None and said.kind == Annotation.Kind.ANSWER and said.answer is not None:
        kind = TASK_TYPES[turn.item.task_type]
        for preference in kind.preferences(said.answer, len(responses)):
            points[preference.a] += preference.p
            points[preference.b] += 1 - preference.p
    order = assignment.display_order
    best: int = max(order, key=lambda index: (points[index], -order.index(index)))
    return responses[best]


def responses_of(turn: Turn) -> list[Response]:
    """In canonical order."""
    return list(
        Response.objects.filter(item_responses__item=turn.item_id)
        .select_related("source")
        .order_by("item_responses__position")
    )


# --- what the worker does -------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How one request ended."""

    result: Reply | RequestFailed
    seconds: float


def claim_turn(turn_id: int) -> Turn | None:
    """waiting → running by compare-and-set; None if there is nothing to do, or somebody does it."""
    attempt = Turn.objects.filter(pk=turn_id).values_list("attempt", flat=True).first()
    if attempt is None:
        return None
    silent = Q(status=Turn.Status.RUNNING, heartbeat__lt=Now() - timedelta(seconds=OVERDUE_SECONDS))
    claimed = Turn.objects.filter(
        Q(status=Turn.Status.WAITING) | silent, pk=turn_id, attempt=attempt
    ).update(status=Turn.Status.RUNNING, attempt=attempt + 1, heartbeat=Now())
    if not claimed:
        return None
    return Turn.objects.select_related("prompt", "conversation__project").get(pk=turn_id)


def beat_turn(turn: Turn) -> bool:
    """Show that a worker is at it; False when the turn is no longer its own."""
    return bool(_held(turn).update(heartbeat=Now()))


def _held(turn: Turn) -> QuerySet[Turn]:
    return Turn.objects.filter(pk=turn.pk, attempt=turn.attempt, status=Turn.Status.RUNNING)


@transaction.atomic
def close_turn(turn: Turn, outcomes: Mapping[int, Outcome]) -> None:
    """Keep what came (by candidate) and, if all of it did, ask the annotator about it.

    All candidates become visible in this one transaction, so none of them is seen to be slower.
    """
    conversation = lock_conversation(turn.conversation)
    if not _held(turn).exists():
        return
    reasons = []
    for candidate in turn.candidates.select_related("endpoint__source", "response"):
        if candidate.response is not None:
            continue
        outcome = outcomes[candidate.pk]
        candidate.seconds = outcome.seconds
        if isinstance(outcome.result, Reply):
            candidate.response, _ = get_or_add_response(
                turn.prompt,
                candidate.endpoint.source,
                outcome.result.text,
                token_ids=outcome.result.token_ids,
                is_truncated=outcome.result.is_truncated,
            )
            candidate.error = ""
        else:
            reasons.append(outcome.result.reason)
            candidate.error = f"{outcome.result.reason}: {outcome.result.detail}"[:300]
        candidate.save(update_fields=["response", "error", "seconds"])
    if reasons:
        many = "The answers" if len(reasons) > 1 else "One of the answers"
        turn.status = Turn.Status.FAILED
        turn.error = f"{many} did not come: {reasons[0]}."[:200]
    else:
        turn.status = Turn.Status.ANSWERED
        _ask(turn, conversation)
    turn.save(update_fields=["status", "error", "item", "reply"])


def _ask(turn: Turn, conversation: Conversation) -> None:
    """Make the candidates an item of this annotator; if they all read the same, go on with that."""
    different: dict[str, Response] = {}
    for candidate in turn.candidates.select_related("response"):
        if candidate.response is not None:
            different.setdefault(candidate.response.text.strip(), candidate.response)
    responses = list(different.values())
    if len(responses) == 1:
        turn.reply = responses[0]
        return
    project = conversation.project
    turn.item = queue_item(
        project,
        turn.prompt,
        responses,
        key=f"chat:{conversation.key}:{turn.number}:{turn.send_key}",
        task_type=comparison(project, len(responses)),
        origin=Item.Origin.CHAT,
        arm="chat",
    )
    assert turn.item is not None, "keys of turns are unique, and equal texts were left out"
    claim_item(turn.item, conversation.annotator)


def comparison(project: Project, count: int) -> str:
    """The task type that compares this many responses: the project's own, if it is one of these."""
    for slug in sorted(("pairwise", "ranking"), key=lambda slug: slug != project.task_type):
        kind = TASK_TYPES[slug]
        if kind.MIN_RESPONSES <= count <= kind.MAX_RESPONSES:
            return slug
    raise ContentInvalid(f"No task type compares {count} responses.")


def unheard_turns() -> list[int]:
    """Turns that no worker was heard of for a while: their knock was lost, or their worker."""
    recent = overdue(KNOCK_AGAIN_SECONDS).filter(
        created__gt=Now() - timedelta(seconds=KNOCK_UNTIL_SECONDS)
    )
    return list(recent.order_by("id").values_list("pk", flat=True)[:100])


def plan_candidates(turn: Turn, endpoints: Sequence[Endpoint]) -> None:
    """Who is to answer the turn: what one of them has answered already is kept."""
    here: dict[int, list[Response]] = {}
    for candidate in turn.candidates.exclude(response=None).select_related("response"):
        if candidate.response is not None:
            here.setdefault(candidate.endpoint_id, []).append(candidate.response)
    turn.candidates.all().delete()
    Candidate.objects.bulk_create(
        Candidate(
            turn=turn,
            place=place,
            endpoint=endpoint,
            response=here[endpoint.pk].pop() if here.get(endpoint.pk) else None,
        )
        for place, endpoint in enumerate(endpoints)
    )


def lock_conversation(conversation: Conversation) -> Conversation:
    """The conversation as it is, under its lock: for one transaction nobody else changes it."""
    return (
        Conversation.objects.select_for_update(of=("self",))
        .select_related("project", "annotator")
        .get(pk=conversation.pk)
    )
