"""Anthropic's HH transcripts: `chosen` and `rejected`, each a whole conversation as one text.

    "\\n\\nHuman: …\\n\\nAssistant: …\\n\\nHuman: …\\n\\nAssistant: (the reply that is compared)"

Bai et al. 2022, arXiv:2204.05862. Both transcripts share all but the last reply.
"""

import re
from collections.abc import Iterator
from typing import Any

from annotation.imports.comparison import Comparison, Origin, field_of, messages_of, pair, reply_of
from annotation.imports.files import LineInvalid, Record

LABEL = "HH transcripts"

ORIGIN = Origin("imported_hh", "Imported HH")
TURN = re.compile(r"\n\n(Human|Assistant):(?: |(?=\n)|\Z)")
ROLES = {"Human": "user", "Assistant": "assistant"}


def comparisons(record: Record) -> Iterator[Comparison]:
    """The one pair of a line; LineInvalid says why there is none."""
    opening, chosen = split_transcript(field_of(record, "chosen"), "chosen")
    other_opening, rejected = split_transcript(field_of(record, "rejected"), "rejected")
    if opening != other_opening:
        raise LineInvalid("The two transcripts differ before the last reply.")
    yield pair(messages_of(opening), (chosen, ORIGIN), (rejected, ORIGIN))


def split_transcript(transcript: Any, name: str) -> tuple[list[dict[str, str]], str]:
    """(messages before the last reply, the last reply)."""
    if not isinstance(transcript, str):
        raise LineInvalid(f"{name} is not a text.")
    # A transcript begins with a blank line; some copies of the data have lost it.
    head, *turns = TURN.split("\n\n" + transcript.lstrip("\n"))
    if head.strip() or not turns:
        raise LineInvalid(f"{name} does not begin with a line 'Human:' or 'Assistant:'.")
    messages = [
        {"role": ROLES[role], "content": text.strip()}
        for role, text in zip(turns[::2], turns[1::2], strict=True)
    ]
    if messages[-1]["role"] != "assistant":
        raise LineInvalid(f"{name} does not end with a reply of the assistant.")
    return messages[:-1], reply_of(messages[-1]["content"], f"The last reply of {name}")
