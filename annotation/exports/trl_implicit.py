"""Implicit preferences for TRL: `chosen` and `rejected` as whole conversations.

What TRL's RewardTrainer likes best: two message lists with the same opening, each ending with one
reply. Rows and further columns are those of `trl_preference`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from annotation.exports.rows import JudgedItem
from annotation.exports.trl_preference import ABOUT_THE_PAIR, MESSAGES, preferred_pairs

LABEL = "TRL, whole conversations"
SCHEMA = pa.schema([("chosen", MESSAGES), ("rejected", MESSAGES), *ABOUT_THE_PAIR])


def rows(judged_items: Iterable[JudgedItem], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """One row a preferred pair, in order of item and pair."""
    for prompt, chosen, rejected, about in preferred_pairs(judged_items, counts):
        yield {
            "chosen": [*prompt, {"role": "assistant", "content": chosen}],
            "rejected": [*prompt, {"role": "assistant", "content": rejected}],
            **about,
        }
