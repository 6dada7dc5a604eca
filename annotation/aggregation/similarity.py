"""Which texts are nearly the same: MinHash over shingles of characters.

A text is the set of its runs of SHINGLE characters, after case and spaces are made alike; two
texts are near where the Jaccard index of their sets, |A ∩ B| / |A ∪ B|, is at least NEAR. The
minima of the two sets under a random hash function are equal with that probability (Broder 1997).
Of ROWS × BANDS such minima, texts that share all ROWS of one band are compared exactly; with 16
bands of 4, a pair at 0.8 shares none with probability (1 - 0.8⁴)^16 ≈ 0.0002.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5
NEAR = 0.8
ROWS = 4
BANDS = 16
MAX_CHARS = 10_000  # of a text; what comes later is not compared
MAX_COMPARED = 50  # earlier texts of one band that a text is compared with

Shingles = NDArray[np.uint64]

_draw = np.random.default_rng(1997)  # fixed: bands are stored, and must mean the same tomorrow
_FACTORS = _draw.integers(0, 2**63, ROWS * BANDS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_OFFSETS = _draw.integers(0, 2**63, ROWS * BANDS, dtype=np.uint64)
_PLACES = _draw.integers(0, 2**63, SHINGLE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def normalised(text: str) -> str:
    """The text with its case folded and every run of spaces made one."""
    return " ".join(text.casefold().split())


def shingles(text: str) -> Shingles:
    """The hashes of the text's shingles, sorted, each once; a shorter text is one shingle."""
    points = np.frombuffer(normalised(text)[:MAX_CHARS].encode("utf-32-le"), dtype="<u4")
    padded = np.pad(points.astype(np.uint64), (0, max(0, SHINGLE - len(points))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, SHINGLE)
    return np.unique(_mixed((windows * _PLACES).sum(axis=1, dtype=np.uint64)))


def _mixed(x: Shingles) -> Shingles:
    """The finisher of SplitMix64 (Steele, Lea & Flood 2014): every bit depends on every other."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Shingles = x ^ (x >> np.uint64(31))
    return mixed


def bands(parts: Shingles) -> list[int]:
    """BANDS numbers of 63 bits that near texts probably share one of, each at its own place."""
    least = np.empty(len(_FACTORS), dtype=np.uint64)
    for place, (factor, offset) in enumerate(zip(_FACTORS, _OFFSETS, strict=True)):
        least[place] = _mixed(parts * factor + offset).min()
    rows = least.reshape(BANDS, ROWS)
    mixed = np.arange(BANDS, dtype=np.uint64)
    for column in rows.T:
        mixed = _mixed(mixed * np.uint64(31) + column)
    return [int(number) for number in mixed >> np.uint64(1)]


def jaccard(a: Shingles, b: Shingles) -> float:
    """|A ∩ B| / |A ∪ B| of two sets of shingles."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / (len(a) + len(b) - both)


def near_duplicates(texts: Sequence[str]) -> int:
    """How many of the texts are near an earlier one. Equal ones are near."""
    seen: dict[int, list[int]] = {}
    parts = [shingles(text) for text in texts]
    found = 0
    for number, own in enumerate(parts):
        keys = bands(own)
        earlier = {other for key in keys for other in seen.get(key, ())[:MAX_COMPARED]}
        found += any(jaccard(own, parts[other]) >= NEAR for other in sorted(earlier))
        for key in keys:
            seen.setdefault(key, []).append(number)
    return found
