"""One module per format of comparisons; listed here, and covered by the contract test once listed.

A format is a module with `LABEL` and `comparisons(record)`: a generator of what a line says, which
raises LineInvalid, with a sentence, for a line that cannot be taken. Prompts have one format.
"""

from collections.abc import Iterator
from typing import Protocol

from annotation.imports import hh, k_wise, oasst, raw, sft_messages, trl, trl_unpaired
from annotation.imports.comparison import Comparison
from annotation.imports.files import Record

__all__ = ["COMPARISON_FORMATS", "ComparisonFormat"]


class ComparisonFormat(Protocol):
    @property
    def LABEL(self) -> str: ...  # noqa: N802

    def comparisons(self, record: Record) -> Iterator[Comparison]: ...


COMPARISON_FORMATS: dict[str, ComparisonFormat] = {
    "trl": trl,
    "hh": hh,
    "oasst": oasst,
    "trl_unpaired": trl_unpaired,
    "sft_messages": sft_messages,
    "k_wise": k_wise,
    "raw": raw,
}
