"""How varied a set of texts is.

distinct-n = different n-grams of words / all n-grams of words         (Li et al. 2016)

It falls with the amount of text, as words come again: compare sets of like size. The mean length
has the interval mean ± 1.96 se, where

se² = G / (G - 1) · Σ_g (Σ_i (y_gi - mean))² / n²

takes the texts of one prompt g together, as they resemble each other (as in win_rate.py).
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import sqrt

from annotation.aggregation.intervals import Z_95
from annotation.aggregation.similarity import near_duplicates

WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Diversity:
    """Of n texts. What cannot be computed is None: a share of nothing, an error of one prompt."""

    n: int
    words: int
    distinct_1: float | None
    distinct_2: float | None
    mean_words: float | None
    mean_error: float | None
    equal: int  # texts that equal an earlier one, spaces around them aside
    near: int  # texts that are near an earlier one, those that equal it included

    @property
    def mean_interval(self) -> tuple[float, float] | None:
        """95 %."""
        if self.mean_words is None or self.mean_error is None:
            return None
        reach = Z_95 * self.mean_error
        return max(0.0, self.mean_words - reach), self.mean_words + reach


def diversity(texts: Sequence[tuple[Hashable, str]]) -> Diversity:
    """Of texts, each with the prompt that it answers."""
    lengths: defaultdict[Hashable, list[int]] = defaultdict(list)
    singles: set[str] = set()
    doubles: set[tuple[str, str]] = set()
    words = pairs = 0
    for prompt, text in texts:
        said = WORD.findall(text.casefold())
        lengths[prompt].append(len(said))
        singles.update(said)
        doubles.update(zip(said, said[1:], strict=False))
        words += len(said)
        pairs += max(0, len(said) - 1)
    plain = [text.strip() for _, text in texts]
    mean = words / len(texts) if texts else None
    return Diversity(
        n=len(texts),
        words=words,
        distinct_1=len(singles) / words if words else None,
        distinct_2=len(doubles) / pairs if pairs else None,
        mean_words=mean,
        mean_error=_error(list(lengths.values()), mean or 0.0),
        equal=len(plain) - len(set(plain)),
        near=near_duplicates(plain),
    )


def _error(groups: Sequence[Sequence[int]], mean: float) -> float | None:
    count = len(groups)
    if count < 2:
        return None
    squares = sum(sum(y - mean for y in group) ** 2 for group in groups)
    return sqrt(count / (count - 1) * squares) / sum(map(len, groups))
