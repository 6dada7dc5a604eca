"""One module per export format; listed here, and covered by the contract test once listed.

A format is a module with `LABEL`, `SCHEMA` (Arrow) and `rows(judged_items, counts)`: a generator of
dictionaries with exactly the schema's columns, of which `split` is one. What it leaves out it
counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import pyarrow as pa

from annotation.exports import (
    k_wise,
    raw,
    sft_messages,
    trl_implicit,
    trl_preference,
    trl_unpaired,
)
from annotation.exports.rows import JudgedItem

__all__ = ["EXPORTS", "SUFFIXES", "WITH_RETESTS", "ExportFormat"]


class ExportFormat(Protocol):
    @property
    def LABEL(self) -> str: ...  # noqa: N802

    @property
    def SCHEMA(self) -> pa.Schema: ...  # noqa: N802

    def rows(
        self, judged_items: Iterable[JudgedItem], counts: Counter[str]
    ) -> Iterator[dict[str, Any]]: ...


EXPORTS: dict[str, ExportFormat] = {
    "trl_preference": trl_preference,
    "trl_implicit": trl_implicit,
    "trl_unpaired": trl_unpaired,
    "sft_messages": sft_messages,
    "k_wise": k_wise,
    "raw": raw,
}

WITH_RETESTS = frozenset({"raw"})
"""The formats that hold, marked, what people said when an item came back to them."""

SUFFIXES = ("jsonl", "jsonl.gz", "parquet")
