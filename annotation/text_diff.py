"""What changed from one text to another, in words, in bounded time.

The shortest edit script by Myers (“An O(ND) difference algorithm and its variations”, 1986) over
words, runs of white space and single signs. Texts that differ in more than MAX_CHANGES words are
compared by lines, and those that differ in as many lines count as replaced. Both limits also hold
for hostile texts: no more than MAX_STEPS comparisons are made at either level.

`worddiff` marks words side by side and passes over spacing; here nothing is passed over, so that
one text and the change give the other.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_CHANGES = 1_000
MAX_STEPS = 2_000_000

WORDS = re.compile(r"\s+|\w+|[^\w\s]")

Delta = list[int | str]


class Kind(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True)
class Change:
    """A stretch of text that stayed, went or came."""

    kind: Kind
    text: str


def changes(before: str, after: str) -> list[Change]:
    """The stretches in reading order, never empty; what went stands before what came instead.

    SAME and REMOVED together are `before`, SAME and ADDED together are `after`.
    """
    for split in (WORDS.findall, _lines):
        found = _compare(split(before), split(after))
        if found is not None:
            return _readable(found)
    return _readable([Change(Kind.REMOVED, before), Change(Kind.ADDED, after)])


def delta(before: str, after: str) -> Delta:
    """The change as it is stored: 12 keeps 12 characters, -3 removes 3, a text is put in."""
    size = {Kind.SAME: 1, Kind.REMOVED: -1}
    return [
        change.text if change.kind == Kind.ADDED else size[change.kind] * len(change.text)
        for change in changes(before, after)
    ]


def apply(before: str, change: Delta) -> str:
    """The text that a stored change makes of `before`."""
    made, at = [], 0
    for step in change:
        if isinstance(step, str):
            made.append(step)
        elif step < 0:
            at -= step
        else:
            made.append(before[at : at + step])
            at += step
    return "".join(made)


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _compare(before: Sequence[str], after: Sequence[str]) -> list[Change] | None:
    """None when they differ in too much."""
    shorter = min(len(before), len(after))
    start = next((i for i in range(shorter) if before[i] != after[i]), shorter)
    end = next((i for i in range(shorter - start) if before[-1 - i] != after[-1 - i]), None)
    end = shorter - start if end is None else end
    a, b = before[start : len(before) - end], after[start : len(after) - end]
    kept = _kept(a, b)
    if kept is None:
        return None
    found = [Change(Kind.SAME, "".join(before[:start]))]
    at_a = at_b = 0
    for in_a, in_b, length in [*kept, (len(a), len(b), 0)]:
        found.append(Change(Kind.REMOVED, "".join(a[at_a:in_a])))
        found.append(Change(Kind.ADDED, "".join(b[at_b:in_b])))
        found.append(Change(Kind.SAME, "".join(a[in_a : in_a + length])))
        at_a, at_b = in_a + length, in_b + length
    found.append(Change(Kind.SAME, "".join(before[len(before) - end :])))
    return found


def _kept(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int, int]] | None:
    """The runs (place in a, place in b, length) that a shortest edit script keeps, in order."""
    rows: list[list[int]] = []  # rows[d][j]: how far in a, after d changes, on diagonal 2j - d
    steps = 0
    for d in range(min(len(a) + len(b), MAX_CHANGES) + 1):
        row: list[int] = []
        for j in range(d + 1):
            x = _before_the_run(rows, d, j)
            y = x - (2 * j - d)
            first = x
            while x < len(a) and y < len(b) and a[x] == b[y]:
                x, y = x + 1, y + 1
            steps += 1 + x - first
            row.append(x)
            if x >= len(a) and y >= len(b):
                return list(_traced_back([*rows, row], j))[::-1]
        if steps > MAX_STEPS:
            return None
        rows.append(row)
    return None


def _before_the_run(rows: Sequence[Sequence[int]], d: int, j: int) -> int:
    """Where a path stands right after its d-th change, on its way to diagonal 2j - d."""
    if d == 0:
        return 0
    last = rows[d - 1]
    return last[j] if _came_by_adding(last, d, j) else last[j - 1] + 1


def _came_by_adding(last: Sequence[int], d: int, j: int) -> bool:
    return j == 0 or (j < d and last[j - 1] < last[j])


def _traced_back(rows: Sequence[Sequence[int]], j: int) -> Iterator[tuple[int, int, int]]:
    for d in range(len(rows) - 1, -1, -1):
        x, diagonal = rows[d][j], 2 * j - d
        first = _before_the_run(rows, d, j)
        if x > first:
            yield first, first - diagonal, x - first
        if d and not _came_by_adding(rows[d - 1], d, j):
            j -= 1


def _readable(found: Sequence[Change]) -> list[Change]:
    """Changes that only white space parts are one: “old words” → “new text”, not word by word."""
    found = [change for change in found if change.text]
    readable: list[Change] = []
    removed = added = ""
    for place, change in enumerate(found, start=1):
        if change.kind == Kind.REMOVED:
            removed += change.text
        elif change.kind == Kind.ADDED:
            added += change.text
        elif (removed or added) and change.text.isspace() and place < len(found):
            removed, added = removed + change.text, added + change.text
        else:
            kept = _space_at_the_end_of_both(removed, added)
            readable += _replaced(removed, added, kept)
            readable.append(Change(Kind.SAME, kept + change.text))
            removed = added = ""
    readable += _replaced(removed, added, "")
    return [change for change in readable if change.text]


def _space_at_the_end_of_both(removed: str, added: str) -> str:
    end = os.path.commonprefix([removed[::-1], added[::-1]])[::-1]
    return end[len(end.rstrip()) :]


def _replaced(removed: str, added: str, kept: str) -> list[Change]:
    return [
        Change(Kind.REMOVED, removed.removesuffix(kept)),
        Change(Kind.ADDED, added.removesuffix(kept)),
    ]
