"""Rankings of K responses: one row an item, for trainers that learn from whole lists.

`groups` is the merged ranking, best group first, as canonical indices into `responses`; responses
of one group are tied. `preferences` are the same answers as pairs: p is the share of the votes for
`a`, and each answer spreads a weight of 1 over its C(K, 2) pairs, so `weight` adds up to the number
of answers. `votes` keeps what each annotator said, as groups, also where a verdict decides.

Where an answer compares only some of the pairs (the best against each of the others), what was not
compared lies in one group too; `preferences` then names only the pairs that were. Items whose
answers prefer nothing are left out and counted.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from annotation.aggregation.ranking import ranking_of
from annotation.exports.raw import PREFERENCES
from annotation.exports.rows import JudgedItem, plain_messages, preference_rows
from annotation.exports.trl_preference import MESSAGES
from annotation.pseudonyms import pseudonym

LABEL = "K-wise, one ranking an item"

GROUPS = pa.list_(pa.list_(pa.int64()))
SCHEMA = pa.schema(
    [
        ("prompt", MESSAGES),
        ("responses", pa.list_(pa.string())),  # in canonical order
        ("groups", GROUPS),
        ("preferences", PREFERENCES),
        ("votes", pa.list_(pa.struct([("annotator", pa.string()), ("groups", GROUPS)]))),
        ("split", pa.string()),
        ("item", pa.int64()),
        ("task_type", pa.string()),
        ("conversation_root", pa.string()),
        ("sources", pa.list_(pa.string())),  # of the responses
    ]
)


def rows(judged_items: Iterable[JudgedItem], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """One row an item that people prefer something in, in order of item."""
    for judged in judged_items:
        said = [(vote, judged.preferences_of(vote)) for vote in judged.answers]
        merged = judged.merged_preferences()
        if not merged:
            counts["items_without_preference"] += 1
            continue
        counts["items"] += 1
        if judged.verdict is not None:
            counts["items_by_verdict"] += 1
        item, prompt = judged.item, judged.item.prompt
        yield {
            "prompt": plain_messages(prompt),
            "responses": [response.text for response in judged.responses],
            "groups": ranking_of(merged),
            "preferences": preference_rows(merged),
            "votes": [
                {
                    "annotator": pseudonym(item.project, vote.assignment.annotator_id),
                    "groups": ranking_of(pairs),
                }
                for vote, pairs in said
                if pairs
            ],
            "split": prompt.split,
            "item": item.pk,
            "task_type": item.task_type,
            "conversation_root": prompt.conversation_root,
            "sources": [response.source.slug for response in judged.responses],
        }
