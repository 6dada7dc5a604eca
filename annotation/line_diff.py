"""What changed between two versions of a text: line by line, and inside of a line word by word."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from annotation import text_diff
from annotation.text_diff import Change, Kind

CONTEXT = 1  # unchanged lines shown around a change
ALIKE = 0.5  # share of two lines that stayed, below which the one took the other's place


@dataclass(frozen=True)
class Line:
    """A line of the new text, or one taken out of the old. `skipped` unchanged ones lie before."""

    parts: tuple[Change, ...]
    skipped: int = 0

    @property
    def kind(self) -> str:
        """ "same", "added", "removed", or "changed" where the line holds more than one of them."""
        kinds = {part.kind for part in self.parts if part.text}
        return kinds.pop() if len(kinds) == 1 else Kind.SAME if not kinds else "changed"


def changes(old: str, new: str) -> list[Line]:
    """The changed lines in order, with a line around each; empty where nothing but space changed.

    Blank lines and spaces at the end of a line do not count.
    """
    before, after = _lines(old), _lines(new)
    found: list[Line] = []
    skipped = 0
    matcher = SequenceMatcher(None, before, after)  # its heuristic keeps long texts linear
    steps = matcher.get_opcodes()
    for number, (tag, i1, i2, j1, j2) in enumerate(steps):
        if tag != "equal":
            for line in _replaced(before[i1:i2], after[j1:j2]):
                found.append(Line(line, skipped))
                skipped = 0
            continue
        near = range(j1, j2 if number == 0 else min(j1 + CONTEXT, j2))
        tail = range(j2 if number == len(steps) - 1 else max(j1, j2 - CONTEXT), j2)
        for j in range(j1, j2):
            if (number > 0 and j in near) or j in tail:
                found.append(Line((Change(Kind.SAME, after[j]),), skipped))
                skipped = 0
            else:
                skipped += 1
    return found if any(line.kind != Kind.SAME for line in found) else []


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


def _replaced(old: Sequence[str], new: Sequence[str]) -> list[tuple[Change, ...]]:
    """Lines that took the place of others: paired in order, the rest added or removed whole."""
    lines: list[tuple[Change, ...]] = []
    for before, after in zip_longest(old, new):
        if before is None:
            lines.append((Change(Kind.ADDED, after),))
        elif after is None:
            lines.append((Change(Kind.REMOVED, before),))
        else:
            lines.extend(_words(before, after))
    return lines


def _words(before: str, after: str) -> list[tuple[Change, ...]]:
    """One line with its changes, or two where the lines have little in common."""
    parts = text_diff.changes(before, after)
    stayed = sum(len(part.text) for part in parts if part.kind == Kind.SAME)
    if 2 * stayed < ALIKE * (len(before) + len(after)):
        return [(Change(Kind.REMOVED, before),), (Change(Kind.ADDED, after),)]
    return [tuple(parts)]
