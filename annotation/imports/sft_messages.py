"""Demonstrations, as TRL's SFTTrainer takes them.

    messages             a conversation that ends with the text to learn
    prompt, completion   the same apart, as texts or as lists of messages

Who edited which response into it is not known any more: every text counts as written from nothing.
"""

from collections.abc import Iterator

from annotation.imports.comparison import (
    Comparison,
    ImportedPrompt,
    field_of,
    is_messages,
    messages_of,
    reply_after,
    unpacked,
)
from annotation.imports.files import LineInvalid, Record

LABEL = "Demonstrations (messages)"


def comparisons(record: Record) -> Iterator[Comparison]:
    """The one demonstration of a line; LineInvalid says why there is none."""
    if record.get("messages") in (None, "", []):
        messages = messages_of(unpacked(field_of(record, "prompt")))
        written = unpacked(field_of(record, "completion"))
        text = reply_after(written, messages, "completion")
    else:
        turns = unpacked(record["messages"])
        if not is_messages(turns):
            raise LineInvalid("messages must be a list of messages.")
        messages = messages_of(list(turns)[:-1])
        text = reply_after(list(turns)[-1:], messages, "messages")
    yield Comparison(
        prompt=ImportedPrompt(messages),
        responses=(),
        task_type="demonstration",
        answer={"text": text, "edited": None},
        apart=text,
    )
