"""What an annotator does in chat: write, try again, choose, go on.

Everything about one conversation is changed under the lock of its row.
"""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from annotation import knock
from annotation.models import (
    Assignment,
    Conversation,
    Endpoint,
    Item,
    Project,
    Response,
    Source,
    Turn,
)
from annotation.services.answers import submit_answer
from annotation.services.chat_turns import (
    PEOPLE,
    UNDER_WAY,
    default_reply,
    is_overdue,
    last_turn,
    lock_conversation,
    plan_candidates,
    reply_of,
    responses_of,
)
from annotation.services.claims import claim_item
from annotation.services.content import (
    get_or_add_prompt,
    get_or_add_response,
    get_or_add_source,
    queue_item,
)
from annotation.services.endpoints import plan
from annotation.services.errors import (
    AnswerInvalid,
    AssignmentLost,
    ContentInvalid,
    NotAllowed,
    SubmitConflict,
)
from annotation.task_types import Answer

MAX_MESSAGE_CHARS = 20_000
MAX_CONVERSATION_CHARS = 200_000
MAX_TURNS = 100
MAX_UNDER_WAY = 3  # turns of one person, in other conversations, that wait for models


@transaction.atomic
def start_conversation(project: Project, annotator: User) -> Conversation:
    """A conversation in which nothing is said yet: the one there is, else a new one."""
    if project.is_archived:
        raise NotAllowed("This project is archived.")
    mine = Conversation.objects.filter(project=project, annotator=annotator)
    empty = mine.filter(turns=None).order_by("-id").first()
    return empty or Conversation.objects.create(project=project, annotator=annotator)


@transaction.atomic
def send_message(conversation: Conversation, text: str, send_key: str) -> Turn:
    """Store what the annotator wrote and have it answered; the same key again adds nothing.

    A message after a turn that failed takes its place. Raises AnswerInvalid, SubmitConflict,
    NotAllowed.
    """
    conversation = lock_conversation(conversation)
    known = conversation.turns.filter(send_key=send_key).first()
    if known is not None:
        if known.text != text:
            raise SubmitConflict("This message was sent before with another text.")
        return known
    last = last_turn(conversation)
    replaced = None
    history: list[dict[str, str]] = []
    if last is not None and (last.status == Turn.Status.FAILED or is_overdue(last)):
        replaced, history = last, list(last.prompt.messages[:-1])
    elif last is not None:
        history = _after(last)
    endpoints = _who_answers(conversation)
    if len(text) > MAX_MESSAGE_CHARS:
        raise AnswerInvalid("text", f"Keep a message below {MAX_MESSAGE_CHARS:,} characters.")
    said = sum(len(message["content"]) for message in history)
    number = replaced.number if replaced else (last.number + 1 if last else 1)
    if said + len(text) > MAX_CONVERSATION_CHARS or number > MAX_TURNS:
        raise NotAllowed("This conversation is as long as one may be. Start a new one.")
    try:
        messages = [*history, {"role": "user", "content": text}]
        prompt, _ = get_or_add_prompt(conversation.project, messages)
    except ContentInvalid as error:
        words = "Write something first." if not text.strip() else str(error)
        raise AnswerInvalid("text", words) from None
    if replaced:
        replaced.delete()
    turn = Turn.objects.create(
        conversation=conversation,
        number=number,
        text=text,
        prompt=prompt,
        send_key=send_key,
        heartbeat=Now(),
    )
    plan_candidates(turn, endpoints)
    Conversation.objects.filter(pk=conversation.pk).update(draft="")
    knock.turn_is_waiting(turn.pk)
    return turn


@transaction.atomic
def retry_turn(conversation: Conversation) -> Turn:
    """Ask again for what did not come; answers that are here already are kept."""
    conversation = lock_conversation(conversation)
    turn = last_turn(conversation)
    if turn is None or not (turn.status == Turn.Status.FAILED or is_overdue(turn)):
        raise NotAllowed("There is nothing to try again: load the page to see how it stands.")
    endpoints = _who_answers(conversation)
    if [candidate.endpoint_id for candidate in turn.candidates.all()] != [e.pk for e in endpoints]:
        plan_candidates(turn, endpoints)
    turn.status, turn.error, turn.heartbeat = Turn.Status.WAITING, "", Now()
    turn.save(update_fields=["status", "error", "heartbeat"])
    knock.turn_is_waiting(turn.pk)
    return turn


@transaction.atomic
def choose_reply(
    conversation: Conversation,
    assignment: Assignment,
    *,
    answer: Answer,
    go_on: int | None = None,
    edited: str = "",
    **sent: Any,
) -> Turn:
    """Store the judgement of the last turn, and what the conversation goes on with.

    That is the response shown at place `go_on`, without one the best; or `edited`, if it is another
    text. `sent` is what `submit_answer` takes besides. Raises what that raises.
    """
    conversation = lock_conversation(conversation)
    turn = last_turn(conversation)
    if turn is None or turn.item_id != assignment.item_id:
        raise NotAllowed("The conversation has gone on since. Load the page again.")
    submit_answer(assignment, answer=answer, **sent)
    assignment.refresh_from_db(fields=["status"])
    reply = default_reply(turn)
    if go_on is not None:
        if not 0 <= go_on < len(assignment.display_order):
            raise AnswerInvalid("go_on", "Choose the response to go on with.")
        reply = responses_of(turn)[assignment.display_order[go_on]]
    if reply is not None and edited.strip() not in ("", reply.text.strip()):
        _keep_demonstration(turn, reply, edited, sent["submit_key"])
        people = get_or_add_source(
            conversation.project, PEOPLE, "Edited by annotators", Source.Kind.HUMAN
        )
        try:
            reply, _ = get_or_add_response(turn.prompt, people, edited)
        except ContentInvalid as error:
            raise AnswerInvalid("edited", str(error)) from None
    turn.reply = reply
    turn.save(update_fields=["reply"])
    return turn


def _keep_demonstration(turn: Turn, original: Response, text: str, submit_key: str) -> None:
    """An edited reply is also a demonstration: an item of its own, answered by who edited."""
    project, annotator = turn.conversation.project, turn.conversation.annotator
    key = f"chat:{turn.conversation.key}:{turn.number}:edit:{original.pk}"
    item = queue_item(
        project,
        turn.prompt,
        [original],
        key=key,
        task_type="demonstration",
        answers_wanted=1,
        origin=Item.Origin.CHAT,
        arm="chat",
    )
    if item is not None:
        claim_item(item, annotator)
    # or edited before, and now once more
    turns = Assignment.objects.filter(item__project=project, item__key=key, annotator=annotator)
    for assignment in turns.exclude(status=Assignment.Status.SKIPPED):
        try:
            with transaction.atomic():
                submit_answer(assignment, answer={"text": text, "edited": 0}, submit_key=submit_key)
        except (AssignmentLost, NotAllowed):
            continue  # the judgement counts all the same


def save_composer(conversation: Conversation, text: str, version: int) -> int:
    """Keep what stands in the composer, unless something newer is here; return the version kept."""
    if len(text) > MAX_MESSAGE_CHARS:
        raise AnswerInvalid("text", f"Keep a message below {MAX_MESSAGE_CHARS:,} characters.")
    if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise AnswerInvalid("text", "The text holds a character that cannot be stored.")
    if not 0 < version < 2**31:
        raise AnswerInvalid("version", "A draft’s version is a positive whole number.")
    older = Conversation.objects.filter(pk=conversation.pk, draft_version__lt=version)
    older.update(draft=text, draft_version=version)
    conversation.refresh_from_db(fields=["draft", "draft_version"])
    return conversation.draft_version


def _after(last: Turn) -> list[dict[str, str]]:
    """All that is said when the next message comes."""
    if last.status in UNDER_WAY:
        raise NotAllowed("Wait for the answers to your last message.")
    reply = reply_of(last)
    if reply is None:
        raise NotAllowed("Say which answer is better first.")
    return [*last.prompt.messages, {"role": "assistant", "content": reply.text}]


def _who_answers(conversation: Conversation) -> list[Endpoint]:
    if conversation.project.is_archived:
        raise NotAllowed("This project is archived.")
    endpoints = plan(conversation.project)
    if len(endpoints) < 2:
        raise NotAllowed("Chat is switched off in this project. Ask a manager.")
    busy = Turn.objects.filter(
        conversation__annotator=conversation.annotator_id, status__in=UNDER_WAY
    ).exclude(conversation=conversation)
    if busy.count() >= MAX_UNDER_WAY:
        raise NotAllowed("You wait for answers in other conversations. Look at those first.")
    return endpoints
