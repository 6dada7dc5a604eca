"""Unpaired preferences for TRL: `prompt`, `completion` and `label`.

What TRL's KTOTrainer takes as it is. One row for each response of an item that people called good
or bad by itself (thumbs, both bad, …); several people's labels are merged by majority. Responses
on which they are split evenly have no label: they are left out and counted. The columns after
`label` are ours and TRL drops them: filter on `split` before training, so that test conversations
stay unseen.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from annotation.exports.rows import JudgedItem, plain_messages
from annotation.exports.trl_preference import MESSAGES

LABEL = "TRL, one response and its label (for KTO)"

SCHEMA = pa.schema(
    [
        ("prompt", MESSAGES),
        ("completion", MESSAGES),
        ("label", pa.bool_()),  # true: good
        ("split", pa.string()),
        ("item", pa.int64()),
        ("conversation_root", pa.string()),
        ("source", pa.string()),
        ("p", pa.float64()),  # share of the votes for `label`, above one half
        ("weight", pa.float64()),  # of the votes together
    ]
)


def rows(judged_items: Iterable[JudgedItem], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """One row a labelled response, in order of item and canonical place."""
    for judged in judged_items:
        merged_labels = judged.merged_labels()
        if not merged_labels:
            counts["items_without_label"] += 1
            continue
        counts["items"] += 1
        if judged.verdict is not None:
            counts["items_by_verdict"] += 1
        prompt = judged.item.prompt
        for merged in merged_labels:
            if merged.is_good is None:
                counts["ties_left_out"] += 1
                continue
            response = judged.responses[merged.response]
            yield {
                "prompt": plain_messages(prompt),
                "completion": [{"role": "assistant", "content": response.text}],
                "label": merged.is_good,
                "split": prompt.split,
                "item": judged.item.pk,
                "conversation_root": prompt.conversation_root,
                "source": response.source.slug,
                "p": merged.p,
                "weight": merged.weight,
            }
