"""Demonstrations as conversations: `messages` that end with the text a person wrote.

What TRL's SFTTrainer takes as it is. One row a demonstration: several people's texts for one prompt
are several rows. The columns after `messages` are ours: filter on `split` before training, so that
test conversations stay unseen.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from annotation.exports.rows import JudgedItem, plain_messages
from annotation.exports.trl_preference import MESSAGES

LABEL = "Messages, one demonstration a row (for SFT)"

SCHEMA = pa.schema(
    [
        ("messages", MESSAGES),
        ("split", pa.string()),
        ("item", pa.int64()),
        ("annotation", pa.int64()),
        ("conversation_root", pa.string()),
        ("edited_source", pa.string()),  # who wrote the response it was made from, if any
    ]
)


def rows(judged_items: Iterable[JudgedItem], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """One row a demonstration, in order of item and annotation."""
    for judged in judged_items:
        found = False
        prompt = judged.item.prompt
        for annotation in judged.answers:
            for written in judged.demonstrations_of(annotation):
                found = True
                edited = None if written.edited is None else judged.responses[written.edited]
                counts["edited"] += edited is not None
                yield {
                    "messages": [
                        *plain_messages(prompt),
                        {"role": "assistant", "content": written.text},
                    ],
                    "split": prompt.split,
                    "item": judged.item.pk,
                    "annotation": annotation.pk,
                    "conversation_root": prompt.conversation_root,
                    "edited_source": edited.source.slug if edited else None,
                }
        counts["items" if found else "items_without_demonstration"] += 1
