"""Prompts, one a line: a text in `prompt`, or a conversation in `messages`.

Perhaps also `system` (a text that opens the conversation), `category`, and `id` or `external_id`.
A `prompt` may be a list of messages too. In CSV, lists of messages are JSON texts.
"""

from typing import Any

import orjson

from annotation.imports.comparison import ImportedPrompt, messages_of, short_text
from annotation.imports.files import LineInvalid, Record

LABEL = "Prompts (prompt or messages)"


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
        category=short_text(record.get("category"), "category", 100),
        external_id=short_text(record.get("external_id") or record.get("id"), "external_id", 200),
    )


def _from_json(value: str, is_certain: bool) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        if is_certain:
            raise LineInvalid(f"messages is not a list in JSON: {error}.") from None
        return value  # a prompt that only looks like it
