"""What a line of comparisons means, whatever its format, and the helpers that formats share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson

from annotation.imports.files import LineInvalid
from annotation.models import Item, Source, text_hash
from annotation.services.content import clean_messages, clean_text, content_hash
from annotation.services.errors import ContentInvalid

DEFAULT_STRENGTH = 2  # "better": files that only say which one won don't say how clearly


@dataclass(frozen=True)
class Origin:
    """Who wrote a response: the source's slug, label and kind."""

    slug: str
    label: str
    kind: str = Source.Kind.UNKNOWN


@dataclass(frozen=True)
class ImportedPrompt:
    """A prompt of a file; without a root and a split, its opening decides both."""

    messages: list[dict[str, str]]
    category: str = ""
    external_id: str = ""
    conversation_root: str = ""
    split: str = ""

    @cached_property
    def content_hash(self) -> str:
        return content_hash(self.messages)

    @property
    def chars(self) -> int:
        return sum(len(message["content"]) for message in self.messages)


@dataclass(frozen=True)
class Vote:
    """Who gave the answer, and how; most files say nothing of it."""

    annotator: str = ""  # "": the file names nobody, so its format stands for all
    rationale: str = ""
    seconds: float | None = None
    display_order: tuple[int, ...] = ()  # (): the canonical one
    revision: int = 1
    flags: tuple[str, ...] = ()
    created: datetime | None = None


@dataclass(frozen=True)
class ImportedVerdict:
    """What a reviewer decided about the item elsewhere; `answer` is None where it is none."""

    kind: str
    answer: dict[str, Any] | None
    reason: str
    reviewer: str
    created: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """What a file of Prefloop's own knows about the item."""

    item: int | None = None  # its id where it was exported
    round: int = 0
    origin: str = Item.Origin.IMPORT
    arm: str = "random"
    batch: str = ""  # its name
    verdicts: tuple[ImportedVerdict, ...] = ()  # the one that holds last


@dataclass(frozen=True)
class Comparison:
    """One prompt, K responses in canonical order, and the answer that somebody gave about them."""

    prompt: ImportedPrompt
    responses: tuple[tuple[str, Origin], ...]
    task_type: str
    answer: dict[str, Any]
    vote: Vote = Vote()
    asked: Asked = Asked()
    apart: str = ""  # what tells it from another item about the same responses
    truncated: frozenset[int] = frozenset()

    @property
    def messages(self) -> list[dict[str, str]]:
        return self.prompt.messages

    @cached_property
    def key(self) -> str:
        """Equal for equal comparisons, in whatever order and format the file gives them."""
        parts = [self.prompt.content_hash, *sorted(text_hash(text) for text, _ in self.responses)]
        if self.apart:
            parts.append(text_hash(self.apart))
        return f"import:{text_hash(' '.join(parts))}"

    @property
    def chars(self) -> int:
        """How much memory it takes, about: what people wrote counts as well."""
        written = [value for value in self.answer.values() if isinstance(value, str)]
        texts = [text for text, _ in self.responses]
        return self.prompt.chars + sum(map(len, [*texts, *written, self.vote.rationale]))


def messages_of(value: Any) -> list[dict[str, str]]:
    """A prompt: a text, or a list of messages that ends with the user's."""
    try:
        if isinstance(value, str):
            return clean_messages([{"role": "user", "content": value}])
        return clean_messages(value)
    except ContentInvalid as refusal:
        raise LineInvalid(str(refusal)) from None


def reply_of(value: Any, name: str) -> str:
    """The text of a reply that stands alone."""
    try:
        return clean_text(value, name)
    except ContentInvalid as refusal:
        raise LineInvalid(str(refusal)) from None


def pair(
    messages: list[dict[str, str]],
    chosen: tuple[str, Origin],
    rejected: tuple[str, Origin],
    strength: int = DEFAULT_STRENGTH,
) -> Comparison:
    """A pairwise answer. The better response's place depends on the texts, not on who won."""
    if chosen[0].strip() == rejected[0].strip():
        raise LineInvalid("The chosen and the rejected reply read the same.")
    responses = tuple(sorted((chosen, rejected), key=lambda response: text_hash(response[0])))
    return Comparison(
        prompt=ImportedPrompt(messages),
        responses=responses,
        task_type="pairwise",
        answer={"strength": strength if responses[0] is chosen else -strength, "both_bad": False},
    )


def unpacked(value: Any) -> Any:
    """CSV holds lists of messages as JSON texts."""
    if isinstance(value, str) and value.startswith("[{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value  # a text that only looks like it
    return value


def reply_after(value: Any, messages: list[dict[str, str]], name: str) -> str:
    """The one reply in `value`: a text or messages, which may repeat the prompt before it."""
    if not is_messages(value):
        return reply_of(value, name)
    turns = list(value)
    if plain(turns[: len(messages)]) == messages:
        turns = turns[len(messages) :]
    if len(turns) != 1 or not isinstance(turns[0], dict) or turns[0].get("role") != "assistant":
        raise LineInvalid(f"{name} must hold one message of the assistant after the prompt.")
    return reply_of(turns[0].get("content"), name)


def plain(turns: Any) -> list[dict[str, Any]]:
    """Role and content alone; other fields of a message decide nothing."""
    return [
        {"role": turn.get("role"), "content": turn.get("content")}
        if isinstance(turn, dict)
        else {"role": None, "content": turn}
        for turn in turns
    ]


def short_text(value: Any, name: str, limit: int) -> str:
    """A name or label of at most `limit` characters; nothing gives an empty one."""
    if value in (None, ""):
        return ""
    if not isinstance(value, str | int):
        raise LineInvalid(f"{name} is not a text.")
    text = reply_of(str(value), name)
    if len(text) > limit:
        raise LineInvalid(f"{name} has more than {limit} characters.")
    return text


def origin_of(value: Any, name: str, default: Origin) -> Origin:
    """The source that the field names, which is its slug here too."""
    if not isinstance(value, str) or not value.strip():
        return default
    if len(value) > 100 or not value.isprintable():
        raise LineInvalid(f"{name} must be a name of at most 100 characters.")
    return Origin(value, value)


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """The field's value; LineInvalid names the fields that are there instead."""
    if record.get(name) in (None, ""):
        there = ", ".join(sorted(map(str, record))[:10]) or "none"
        raise LineInvalid(f"The field {name} is missing or empty (fields here: {there}).")
    return record[name]


def is_messages(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
