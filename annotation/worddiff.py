"""Which words of two texts differ.

The texts are compared as they were written, word by word; spaces and line breaks count for
nothing. Chinese and Japanese are compared sign by sign: they put no spaces between words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate, pairwise

MAX_WORDS = 4_000  # of one text
MAX_STEPS = 3_000_000  # about half a second; prose of 1,000 words takes a twentieth of it

SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
MARKS = r"!-&(-,./:-@\[-^`{-~"  # ASCII but for ' - _, which stand inside of words
PIECE = re.compile(rf"\s*(?:[{SIGNS}{MARKS}]|[^\s{SIGNS}{MARKS}]+)")


@dataclass(frozen=True)
class Segment:
    """A stretch of a text. All segments of a text, joined, are the text."""

    text: str
    differs: bool


def word_diff(a: str, b: str) -> tuple[list[Segment], list[Segment]] | None:
    """Both texts in segments that the other has too or has not; None when they are too long."""
    pieces = PIECE.findall(a), PIECE.findall(b)
    words = [[piece.lstrip() for piece in each] for each in pieces]
    if max(map(len, words)) > MAX_WORDS:
        return None
    matches = _matches(words[0], words[1])
    if matches is None:
        return None
    differs = [True] * len(words[0]), [True] * len(words[1])
    for start_a, start_b, length in matches:
        differs[0][start_a : start_a + length] = [False] * length
        differs[1][start_b : start_b + length] = [False] * length
    return _segments(a, pieces[0], differs[0]), _segments(b, pieces[1], differs[1])


def _matches(a: Sequence[str], b: Sequence[str]) -> list[Match] | None:
    """The longest run of words that both have, then the same on either side of it.

    That is what `SequenceMatcher.get_matching_blocks` does, but texts that repeat themselves would
    keep it busy for minutes: the steps, one for each equal word in the other text, are counted
    here, and None is returned when there would be too many.
    """
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    places: dict[str, list[int]] = matcher.b2j  # type: ignore[attr-defined]  # documented
    steps = [0, *accumulate(1 + len(places.get(word, ())) for word in a)]
    matches, left, stretches = [], MAX_STEPS, [(0, len(a), 0, len(b))]
    while stretches:
        start_a, end_a, start_b, end_b = stretches.pop()
        if start_a == end_a or start_b == end_b:
            continue
        left -= steps[end_a] - steps[start_a]
        if left < 0:
            return None
        match = matcher.find_longest_match(start_a, end_a, start_b, end_b)
        if match.size:
            matches.append(match)
            stretches.append((start_a, match.a, start_b, match.b))
            stretches.append((match.a + match.size, end_a, match.b + match.size, end_b))
    return matches


def _segments(text: str, pieces: list[str], differs: list[bool]) -> list[Segment]:
    """A stretch that differs begins and ends with a word: the space around it is not marked."""
    edges, position, before = [0], 0, False
    for piece, mark in zip(pieces, differs, strict=True):
        if mark != before:
            space = len(piece) - len(piece.lstrip()) if mark else 0
            edges.append(position + space)
            before = mark
        position += len(piece)
    edges += [position, len(text)] if before else [len(text)]
    return [
        Segment(text[start:end], differs=index % 2 == 1)
        for index, (start, end) in enumerate(pairwise(edges))
        if start < end
    ]
