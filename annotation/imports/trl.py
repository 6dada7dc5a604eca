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

from annotation.imports.comparison import (
    DEFAULT_STRENGTH,
    Comparison,
    Origin,
    field_of,
    is_messages,
    messages_of,
    origin_of,
    pair,
    plain,
    reply_after,
    reply_of,
    unpacked,
)
from annotation.imports.files import LineInvalid, Record
from annotation.imports.hh import TURN, split_transcript

LABEL = "TRL preferences"

ORIGIN = Origin("imported_trl", "Imported preferences")


def comparisons(record: Record) -> Iterator[Comparison]:
    """The one pair of a line; LineInvalid says why there is none."""
    chosen = unpacked(field_of(record, "chosen"))
    rejected = unpacked(field_of(record, "rejected"))
    if record.get("prompt") in (None, "", []):
        messages, better, worse = _implicit(chosen, rejected)
    else:
        messages = messages_of(unpacked(record["prompt"]))
        better = reply_after(chosen, messages, "chosen")
        worse = reply_after(rejected, messages, "rejected")
    yield pair(
        messages,
        (better, origin_of(record.get("chosen_source"), "chosen_source", ORIGIN)),
        (worse, origin_of(record.get("rejected_source"), "rejected_source", ORIGIN)),
        strength=_strength(record.get("strength")),
    )


def _implicit(chosen: Any, rejected: Any) -> tuple[list[dict[str, str]], str, str]:
    """(prompt, better reply, worse reply) of two conversations that begin alike."""
    if is_messages(chosen) and is_messages(rejected):
        opening = plain(chosen[:-1])
        if not opening or opening != plain(rejected[:-1]):
            raise LineInvalid("chosen and rejected must hold the same messages before the last.")
        messages = messages_of(opening)
        return (
            messages,
            reply_after(chosen, messages, "chosen"),
            reply_after(rejected, messages, "rejected"),
        )
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


def _strength(value: Any) -> int:
    """1 … 3, where the file says it."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return DEFAULT_STRENGTH
    if not math.isfinite(number) or number <= 0:
        return DEFAULT_STRENGTH
    return min(max(round(number), 1), 3)
