"""Explicit preferences for TRL: `prompt`, `chosen`, `rejected` as message lists.

What TRL's DPOTrainer takes as it is. One row for each pair of an item that people prefer; the votes
on a pair are merged. Ties have no chosen response: they are left out and counted. The columns after
`rejected` are ours and TRL drops them: filter on `split` before training, so that test
conversations stay unseen.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from annotation.exports.rows import JudgedItem, group_of, plain_messages

LABEL = "TRL, prompt apart (for DPO)"

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
ABOUT_THE_PAIR = [
    ("split", pa.string()),
    ("item", pa.int64()),
    ("conversation_root", pa.string()),
    ("chosen_source", pa.string()),
    ("rejected_source", pa.string()),
    ("p", pa.float64()),  # share of the votes for `chosen`, above one half
    ("strength", pa.float64()),
    ("weight", pa.float64()),
]
SCHEMA = pa.schema(
    [("prompt", MESSAGES), ("chosen", MESSAGES), ("rejected", MESSAGES), *ABOUT_THE_PAIR]
)


def rows(judged_items: Iterable[JudgedItem], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """One row a preferred pair, in order of item and pair."""
    for prompt, chosen, rejected, about in preferred_pairs(judged_items, counts):
        yield {
            "prompt": prompt,
            "chosen": [{"role": "assistant", "content": chosen}],
            "rejected": [{"role": "assistant", "content": rejected}],
            **about,
        }


Pair = tuple[list[dict[str, str]], str, str, dict[str, Any]]


def preferred_pairs(judged_items: Iterable[JudgedItem], counts: Counter[str]) -> Iterator[Pair]:
    """(prompt messages, chosen text, rejected text, what else is known), without ties."""
    for judged in judged_items:
        group = group_of(judged)
        if group is None:
            counts["items_without_preference"] += 1
            continue
        counts["items"] += 1
        if judged.verdict is not None:
            counts["items_by_verdict"] += 1
        messages = plain_messages(judged.item.prompt)
        for preference in group["preferences"]:
            p = preference["p"]
            if p == 0.5:
                counts["ties_left_out"] += 1
                continue
            first, second = preference["a"], preference["b"]
            better, worse = (first, second) if p > 0.5 else (second, first)
            chosen, rejected = group["responses"][better], group["responses"][worse]
            about = {
                "split": group["split"],
                "item": group["group"],
                "conversation_root": group["root"],
                "chosen_source": chosen["source"],
                "rejected_source": rejected["source"],
                "p": max(p, 1.0 - p),
                "strength": preference["strength"],
                "weight": preference["weight"],
            }
            yield messages, chosen["text"], rejected["text"], about
