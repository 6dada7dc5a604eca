"""A record of production as it is stored: checked, then without personal data. Nothing is written.

{"id": …, "model": …, "messages": […], "response": text, and perhaps "created" (Unix seconds or ISO
8601), "category", "metadata" {name: text, number or truth}}. `response` may also be the completion
as an OpenAI-style interface gives it, {"choices": [{"message": {"content": text}}]}; the first
choice counts. A message's content may be a list of parts, all of them texts.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from math import isfinite
from typing import Any

from annotation.aggregation.similarity import normalised
from annotation.imports.redaction import redact
from annotation.models import Project, text_hash
from annotation.services.content import clean_messages, clean_text
from annotation.services.errors import ContentInvalid

MAX_CHARS = 200_000  # of one record's messages and response together
MAX_MESSAGES = 200
MAX_METADATA = 20
MAX_VALUE_CHARS = 500
MODEL = re.compile(r"[\w.@+/:-]{1,100}", re.ASCII)
NAME = re.compile(r"[A-Za-z][\w.-]{0,49}", re.ASCII)


@dataclass(frozen=True)
class Record:
    """What is kept of a record; `counts` says what was replaced in it."""

    id_hash: str
    external_id: str
    model: str
    messages: list[dict[str, str]]
    response: str
    category: str
    happened: datetime | None
    metadata: dict[str, Any]
    counts: Counter[str]

    @property
    def text_hash(self) -> str:
        """Equal for records that say the same, whoever wrote them."""
        turns = [f"{each['role']}\n{normalised(each['content'])}" for each in self.messages]
        return text_hash("\x1e".join([*turns, normalised(self.response)]))

    @property
    def prompt_text(self) -> str:
        return "\n".join(message["content"] for message in self.messages)


def id_of(raw: Any) -> str:
    """The id that the record came with; ContentInvalid where it has none."""
    if not isinstance(raw, Mapping):
        raise ContentInvalid("A record is an object.")
    found = raw.get("id")
    if not isinstance(found, str) or not found.strip() or len(found) > 200:
        raise ContentInvalid("id: a text of 1 to 200 characters is needed.")
    return clean_text(found, "id")


def is_sampled(project: Project, external_id: str, share: float) -> bool:
    """A hash of the id decides, so a record that is sent again is decided alike."""
    digest = sha256(f"{project.split_salt}:log:{external_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


def read(raw: Mapping[str, Any], words: Sequence[str], salt: str) -> Record:
    """The record without personal data; ContentInvalid names the field that is not right.

    `salt` keeps the hash of an id from telling which id it is.
    """
    counts: Counter[str] = Counter()

    def clean(text: str) -> str:
        found = redact(text, words)
        counts.update(found.counts)
        return found.text

    external_id = id_of(raw)
    model = raw.get("model")
    if not isinstance(model, str) or not MODEL.fullmatch(model):
        raise ContentInvalid("model: 1 to 100 letters, digits or . @ + / : _ - are needed.")
    messages = _messages(raw.get("messages"))
    response = clean_text(_response(raw.get("response")), "response")
    if len(response) + sum(len(message["content"]) for message in messages) > MAX_CHARS:
        raise ContentInvalid(f"messages: with the response, at most {MAX_CHARS:,} characters.")
    category = raw.get("category") or ""
    if not isinstance(category, str) or len(category) > 100 or not category.isprintable():
        raise ContentInvalid("category: one line of at most 100 characters.")
    return Record(
        id_hash=text_hash(f"{salt}:{external_id}"),
        external_id=clean(external_id)[:200],
        model=model,
        messages=[message | {"content": clean(message["content"])} for message in messages],
        response=clean(response),
        category=clean(category.strip())[:100],
        happened=_time(raw.get("created")),
        metadata={
            name: clean(value) if isinstance(value, str) else value
            for name, value in _metadata(raw.get("metadata")).items()
        },
        counts=counts,
    )


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value or len(value) > MAX_MESSAGES:
        raise ContentInvalid(f"messages: a list of 1 to {MAX_MESSAGES} messages is needed.")
    plain = []
    for message in value:
        if isinstance(message, Mapping):
            role = message.get("role")
            content = _content(message.get("content"), "messages")
            plain.append({"role": "system" if role == "developer" else role, "content": content})
        else:
            plain.append(message)
    try:
        return clean_messages(plain)
    except ContentInvalid as refusal:
        raise ContentInvalid(f"messages: {refusal}") from None


def _content(value: Any, name: str) -> Any:
    """Parts of a message as one text."""
    if not isinstance(value, list):
        return value
    texts = [part.get("text") for part in value if isinstance(part, Mapping)]
    if len(texts) < len(value) or not all(isinstance(text, str) for text in texts):
        raise ContentInvalid(f"{name}: only parts that are texts can be taken.")
    return "\n".join(map(str, texts))


def _response(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    try:
        return _content(value["choices"][0]["message"]["content"], "response")
    except (KeyError, IndexError, TypeError):
        raise ContentInvalid(
            "response: a text is needed, or a completion with choices[0].message.content."
        ) from None


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            found = found if found.tzinfo else found.replace(tzinfo=UTC)
        elif isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            found = datetime.fromtimestamp(value, UTC)
        else:
            raise ValueError
        found = found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ContentInvalid(
            "created: Unix seconds or a time such as 2026-01-31T12:00:00Z is needed."
        ) from None
    return found


def _metadata(value: Any) -> dict[str, str | int | float | bool | None]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or len(value) > MAX_METADATA:
        raise ContentInvalid(f"metadata: an object of at most {MAX_METADATA} values is needed.")
    for name, each in value.items():
        if not NAME.fullmatch(name):
            raise ContentInvalid("metadata: names are letters, digits or . _ - and begin so.")
        if isinstance(each, str):
            if len(each) > MAX_VALUE_CHARS or "\x00" in each:
                raise ContentInvalid(f"metadata: {name} has at most {MAX_VALUE_CHARS} characters.")
        elif each is not None and not isinstance(each, int | float | bool):
            raise ContentInvalid(f"metadata: {name} must be a text, a number or true or false.")
    return dict(value)
