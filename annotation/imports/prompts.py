"""Prompts, one a line: a text in `prompt`, or a conversation in `messages`.

Perhaps also `system` (a text that opens the conversation), `category`, and `id` or `external_id`.
A `prompt` may be a list of messages too. In CSV, lists of messages are JSON texts.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from annotation.imports.comparison import messages_of
from annotation.imports.files import LineInvalid, Record
from annotation.services.content import clean_text
from annotation.services.errors import ContentInvalid

LABEL = "Prompts (prompt or messages)"


@dataclass(frozen=True)
class ImportedPrompt:
    messages: list[dict[str, str]]
    category: str = ""
    external_id: str = ""

    @property
    def chars(self) -> int:
        return sum(len(message["content"]) for message in self.messages)


def prompt_of(record: Record) -> ImportedPrompt:
    """The prompt of a line; LineInvalid says why there is none."""
    value = record.get("messages") or record.get("prompt")
    if value in (None, "", []):
        there = ", ".join(sorted(map(str, record))[:10]) or "none"
        raise LineInvalid(f"There is neither a prompt nor messages (fields here: {there}).")
    if isinstance(value, str) and (record.get("messages") or value.startswith("[{")):
        value = _from_json(value, is_certain=bool(record.get("messages")))
    messages = messages_of(value)
    if system := record.get("system"):
        if messages[0]["role"] == "system":
            raise LineInvalid("There is a system text and a system message; keep one of them.")
        messages = messages_of([{"role": "system", "content": system}, *messages])
    return ImportedPrompt(
        messages=messages,
        category=_short(record.get("category"), "category", 100),
        external_id=_short(record.get("external_id") or record.get("id"), "external_id", 200),
    )


def _from_json(value: str, is_certain: bool) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        if is_certain:
            raise LineInvalid(f"messages is not a list in JSON: {error}.") from None
        return value  # a prompt that only looks like it


def _short(value: Any, name: str, limit: int) -> str:
    if value in (None, ""):
        return ""
    if not isinstance(value, str | int):
        raise LineInvalid(f"{name} is not a text.")
    try:
        text = clean_text(str(value), name)
    except ContentInvalid as refusal:
        raise LineInvalid(str(refusal)) from None
    if len(text) > limit:
        raise LineInvalid(f"{name} has more than {limit} characters.")
    return text
