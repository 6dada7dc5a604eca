"""Adding what is asked: prompts, sources, responses, items, and votes from elsewhere.

Everything is found again by its content, so adding it twice adds nothing.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.models import (
    Annotation,
    Assignment,
    Batch,
    ImportBatch,
    Item,
    ItemResponse,
    Project,
    Prompt,
    Response,
    ResponseScore,
    Source,
    text_hash,
)
from annotation.services.answers import submit_answer
from annotation.services.errors import AnswerInvalid, ContentInvalid
from annotation.task_types import TASK_TYPES, Answer, TaskType

ROLES = ("system", "user", "assistant")
MAX_TEXT_CHARS = 1_000_000

Message = Mapping[str, str]


def clean_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """The conversation as it is stored; ContentInvalid says what is wrong with it.

    It is a list of {"role", "content"}, ends with the user's turn, and a system message can only
    open it.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise ContentInvalid("A prompt is a list of messages and holds at least one.")
    cleaned = []
    for number, message in enumerate(messages, start=1):
        if not isinstance(message, Mapping) or not {"role", "content"} <= set(message):
            raise ContentInvalid(f"Message {number} needs a role and a content.")
        role, content = message["role"], message["content"]
        if role not in ROLES:
            raise ContentInvalid(f"Message {number}: the role is one of {', '.join(ROLES)}.")
        if role == "system" and number > 1:
            raise ContentInvalid(f"Message {number}: only the first message may be a system one.")
        cleaned.append({"role": role, "content": clean_text(content, f"Message {number}")})
    if cleaned[-1]["role"] != "user":
        raise ContentInvalid("A prompt ends with the user's message: that is the one to answer.")
    return cleaned


def clean_text(text: object, name: str) -> str:
    """The text itself; ContentInvalid when it is empty, too long or cannot be stored."""
    if not isinstance(text, str):
        raise ContentInvalid(f"{name} is not a text.")
    if not text.strip():
        raise ContentInvalid(f"{name} is empty.")
    if len(text) > MAX_TEXT_CHARS:
        raise ContentInvalid(f"{name} has more than {MAX_TEXT_CHARS:,} characters.")
    if "\x00" in text:
        raise ContentInvalid(f"{name} holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ContentInvalid(f"{name} holds half of a surrogate pair.") from None
    return text


def content_hash(messages: Sequence[Message]) -> str:
    """Equal for equal conversations, whatever order or spacing their JSON had."""
    pairs = [[message["role"], message["content"]] for message in messages]
    return text_hash(json.dumps(pairs, ensure_ascii=False, separators=(",", ":")))


def opening_hash(messages: Sequence[Message]) -> str:
    """The hash of all up to the first user turn: the same for every later turn of it."""
    first = next(i for i, message in enumerate(messages) if message["role"] == "user")
    return content_hash(messages[: first + 1])


def splits_of(project: Project, roots: Collection[str]) -> dict[str, str]:
    """The splits of those of the conversations that the project has a prompt of."""
    rows = Prompt.objects.filter(project=project, conversation_root__in=roots).order_by()
    return dict(rows.values_list("conversation_root", "split").distinct())


def split_of(project: Project, root: str) -> str:
    """A conversation stays where it is; a new one goes where its hash says.

    It may have come from another installation with its split, which another salt would give anew.
    """
    return splits_of(project, [root]).get(root) or project.split_of(root)


def get_or_add_prompt(
    project: Project,
    messages: Sequence[Message],
    *,
    category: str = "",
    external_id: str = "",
    batch: ImportBatch | None = None,
    conversation_root: str = "",
) -> tuple[Prompt, bool]:
    """The prompt with this content, and whether it is new.

    `conversation_root` names the conversation that it belongs to (any text; hashed here), so that
    a whole tree falls into one split. Without it the opening of the conversation decides.
    """
    cleaned = clean_messages(messages)
    root = text_hash(conversation_root) if conversation_root else opening_hash(cleaned)
    # Whether the conversation is here already is asked only where the prompt is new.
    split: Any = partial(split_of, project, root)
    return Prompt.objects.get_or_create(
        project=project,
        content_hash=content_hash(cleaned),
        defaults={
            "messages": cleaned,
            "conversation_root": root,
            "split": split,
            "category": category[:100],
            "external_id": external_id[:200],
            "batch": batch,
        },
    )


def get_or_add_source(
    project: Project, slug: str, label: str = "", kind: str = Source.Kind.UNKNOWN
) -> Source:
    """The project's source of this slug; label and kind only matter when it is new."""
    if not slug or len(slug) > 100:
        raise ContentInvalid("A source's slug has 1 to 100 characters.")
    source, _ = Source.objects.get_or_create(
        project=project, slug=slug, defaults={"label": (label or slug)[:200], "kind": kind}
    )
    return source


def get_or_add_response(
    prompt: Prompt,
    source: Source,
    text: str,
    *,
    token_ids: Sequence[int] | None = None,
    is_truncated: bool = False,
) -> tuple[Response, bool]:
    """The source's response with this text, and whether it is new."""
    if source.project_id != prompt.project_id:
        raise ContentInvalid("The source belongs to another project than the prompt.")
    return Response.objects.get_or_create(
        prompt=prompt,
        source=source,
        text_hash=text_hash(clean_text(text, "The response")),
        defaults={
            "text": text,
            "token_ids": list(token_ids) if token_ids is not None else None,
            "is_truncated": is_truncated,
        },
    )


def record_score(
    response: Response, scorer: str, value: float, std: float | None = None
) -> ResponseScore:
    """Keep what a scorer thinks of a response; the newest value stands."""
    score, _ = ResponseScore.objects.update_or_create(
        response=response, scorer=scorer, defaults={"value": value, "std": std}
    )
    return score


def queue_item(
    project: Project,
    prompt: Prompt,
    responses: Sequence[Response],
    *,
    key: str,
    task_type: str | None = None,
    answers_wanted: int | None = None,
    priority: int = 0,
    round: int = 0,  # noqa: A002  # the mission's word for one turn of the loop
    origin: str = Item.Origin.IMPORT,
    arm: str = "random",
    batch: ImportBatch | None = None,
    named_batch: Batch | None = None,
) -> Item | None:
    """Ask about these responses; None when the key is known or two of them read the same.

    A task type whose MIN_RESPONSES is 0 can ask about the prompt alone. An item of a batch has the
    batch's priority, and waits while the batch does.
    """
    slug = task_type or project.task_type
    if slug not in TASK_TYPES:
        raise ContentInvalid(f"There is no task type {slug}; choose {', '.join(TASK_TYPES)}.")
    kind = TASK_TYPES[slug]
    if not kind.MIN_RESPONSES <= len(responses) <= kind.MAX_RESPONSES:
        raise ContentInvalid(
            f"{kind.LABEL} asks about {_how_many(kind)}, not about {len(responses)}."
        )
    if prompt.project_id != project.pk or any(r.prompt_id != prompt.pk for r in responses):
        raise ContentInvalid("An item's responses answer its own prompt, in its own project.")
    if len({response.text.strip() for response in responses}) < len(responses):
        return None
    wanted = answers_wanted or project.answers_per_item
    together: dict[str, Any] = {"priority": priority}
    if named_batch is not None:
        together = {
            "named_batch": named_batch,
            "lane": named_batch.lane,
            "priority": named_batch.priority,
            "status": Item.Status.OPEN if named_batch.is_asked else Item.Status.PAUSED,
        }
    try:
        with transaction.atomic():
            item, created = Item.objects.get_or_create(
                project=project,
                key=key if len(key) <= 200 else text_hash(key),
                defaults={
                    "prompt": prompt,
                    "task_type": slug,
                    "answers_wanted": wanted,
                    "open_slots": wanted,
                    "round": round,
                    "origin": origin,
                    "arm": arm,
                    "batch": batch,
                    **together,
                },
            )
            if not created:
                return None
            ItemResponse.objects.bulk_create(
                ItemResponse(item=item, response=response, position=position)
                for position, response in enumerate(responses)
            )
    except IntegrityError:
        return None  # queued by someone else at this moment
    return item


def _how_many(kind: TaskType) -> str:
    fewest, most = kind.MIN_RESPONSES, kind.MAX_RESPONSES
    if fewest == most:
        return f"{most} response{'' if most == 1 else 's'}"
    return f"{fewest} to {most} responses"


@transaction.atomic
def record_imported_answer(
    item: Item, answer: Answer, rationale: str = "", *, annotator_name: str
) -> Annotation:
    """Keep a vote that people gave elsewhere, as one of the item's answers.

    It is stored under an inactive user `imported_<name>`, who has no password and cannot sign in;
    the same person's vote on the same item is kept once. `answer` is in canonical order. When the
    item's slots are all taken, the vote is kept as `extra`.
    """
    annotator = imported_annotator(annotator_name)
    locked = Item.objects.select_for_update().get(pk=item.pk)
    assignment, created = Assignment.objects.get_or_create(
        item=locked,
        annotator=annotator,
        defaults={
            "status": Assignment.Status.EXPIRED,  # submit_answer then takes a slot if one is free
            "display_seed": 0,
            "display_order": list(range(locked.item_responses.count())),
            "lease_until": timezone.now(),
        },
    )
    if not created:
        known = assignment.annotations.order_by("-revision").first()
        if known is None:
            raise AnswerInvalid("annotator_name", f"{annotator_name} skipped this item.")
        return known
    return submit_answer(
        assignment, answer=answer, rationale=rationale, submit_key="imported", seconds=None
    )


def imported_annotator(name: str) -> User:
    """The inactive user that stands for a person of an imported file."""
    safe = re.sub(r"[^\w.@+-]+", "_", name).strip("_")[:100] or "unknown"
    user, created = User.objects.get_or_create(
        username=f"imported_{safe}", defaults={"is_active": False}
    )
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user
