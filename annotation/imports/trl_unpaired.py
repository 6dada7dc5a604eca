"""Single responses called good or bad, as TRL's KTOTrainer takes them.

    prompt: text or messages; completion: text or messages with the reply; label: true or false

Of our own export's further columns, `source` says who wrote the completion.
"""

from collections.abc import Iterator
from typing import Any

from annotation.imports.comparison import (
    Comparison,
    ImportedPrompt,
    Origin,
    field_of,
    messages_of,
    origin_of,
    reply_after,
    unpacked,
)
from annotation.imports.files import LineInvalid, Record

LABEL = "TRL, one response and its label"

ORIGIN = Origin("imported_trl_unpaired", "Imported labelled responses")
LABELS = {"true": True, "1": True, "false": False, "0": False}  # as CSV writes them


def comparisons(record: Record) -> Iterator[Comparison]:
    """The one label of a line; LineInvalid says why there is none."""
    messages = messages_of(unpacked(field_of(record, "prompt")))
    completion = reply_after(unpacked(field_of(record, "completion")), messages, "completion")
    yield Comparison(
        prompt=ImportedPrompt(messages),
        responses=((completion, origin_of(record.get("source"), "source", ORIGIN)),),
        task_type="thumbs",
        answer={"good": _label(field_of(record, "label"))},
    )


def _label(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    label = LABELS.get(str(value).strip().lower())
    if label is None:
        raise LineInvalid("label must be true or false.")
    return label
