"""Preferences as TRL takes them: `chosen`, `rejected` and, if explicit, `prompt`.

Each is a text or a list of messages:

    explicit   prompt: text or messages; chosen, rejected: text or messages with the reply
    implicit   chosen, rejected: whole conversations that begin alike

The columns that Prefloop's own exports add (`strength`, `chosen_source`, `rejected_source`) are
understood; others are passed over.
"""

import math
from collections.abc import Iterator
from typing import Any

import orjson

from annotation.imports.comparison import (
    DEFAULT_STRENGTH,
    Comparison,
    Origin,
    field_of,
    is_messages,
    messages_of,
    pair,
    reply_of,
)
from annotation.imports.files import LineInvalid, Record
from annotation.imports.hh import TURN, split_transcript

LABEL = "TRL preferences"

ORIGIN = Origin("imported_trl", "Imported preferences")


def comparisons(record: Record) -> Iterator[Comparison]:
    """The one pair of a line; LineInvalid says why there is none."""
    chosen = _unpacked(field_of(record, "chosen"))
    rejected = _unpacked(field_of(record, "rejected"))
    if record.get("prompt") in (None, "", []):
        messages, better, worse = _implicit(chosen, rejected)
    else:
        messages = messages_of(_unpacked(record["prompt"]))
        better = _reply(chosen, messages, "chosen")
        worse = _reply(rejected, messages, "rejected")
    yield pair(
        messages,
        (better, _origin(record, "chosen_source")),
        (worse, _origin(record, "rejected_source")),
        strength=_strength(record.get("strength")),
    )


def _unpacked(value: Any) -> Any:
    """CSV holds lists of messages as JSON texts."""
    if isinstance(value, str) and value.startswith("[{"):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value  # a text that only looks like it
    return value


def _reply(value: Any, messages: list[dict[str, str]], name: str) -> str:
    """The one reply in `value`, which may repeat the prompt before it."""
    if not is_messages(value):
        return reply_of(value, name)
    turns = list(value)
    if _plain(turns[: len(messages)]) == messages:
        turns = turns[len(messages) :]
    if len(turns) != 1 or not isinstance(turns[0], dict) or turns[0].get("role") != "assistant":
        raise LineInvalid(f"{name} must hold one message of the assistant after the prompt.")
    return reply_of(turns[0].get("content"), name)


def _implicit(chosen: Any, rejected: Any) -> tuple[list[dict[str, str]], str, str]:
    """(prompt, better reply, worse reply) of two conversations that begin alike."""
    if is_messages(chosen) and is_messages(rejected):
        opening = _plain(chosen[:-1])
        if not opening or opening != _plain(rejected[:-1]):
            raise LineInvalid("chosen and rejected must hold the same messages before the last.")
        messages = messages_of(opening)
        return messages, _reply(chosen, messages, "chosen"), _reply(rejected, messages, "rejected")
    if not isinstance(chosen, str) or not isinstance(rejected, str):
        raise LineInvalid("chosen and rejected must both be texts or both be lists of messages.")
    if TURN.match(chosen):
        opening, better = split_transcript(chosen, "chosen")
        other_opening, worse = split_transcript(rejected, "rejected")
        if opening != other_opening:
            raise LineInvalid("The two transcripts differ before the last reply.")
        return messages_of(opening), better, worse
    # As TRL's extract_prompt: what both begin with, but not the space that joins on the reply.
    length = next(
        (i for i, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b),
        min(len(chosen), len(rejected)),
    )
    if length and chosen[length - 1] == " ":
        length -= 1
    if not chosen[:length].strip():
        raise LineInvalid("There is no prompt, and chosen and rejected don't begin alike.")
    return (
        messages_of(chosen[:length]),
        reply_of(chosen[length:], "chosen"),
        reply_of(rejected[length:], "rejected"),
    )


def _plain(turns: Any) -> list[dict[str, Any]]:
    """Role and content alone; other fields of a message decide nothing."""
    return [
        {"role": turn.get("role"), "content": turn.get("content")}
        if isinstance(turn, dict)
        else {"role": None, "content": turn}
        for turn in turns
    ]


def _strength(value: Any) -> int:
    """1 … 3, where the file says it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return DEFAULT_STRENGTH
    if not math.isfinite(number) or number <= 0:
        return DEFAULT_STRENGTH
    return min(max(round(number), 1), 3)


def _origin(record: Record, field: str) -> Origin:
    slug = record.get(field)
    if not isinstance(slug, str) or not slug.strip():
        return ORIGIN
    if len(slug) > 100 or not slug.isprintable():
        raise LineInvalid(f"{field} must be a name of at most 100 characters.")
    return Origin(slug, slug)
