"""How a text is written: its length, and the headers, list entries and bold spans of its Markdown.

    header  # to ###### and a space at the head of a line
    entry   -, *, + or a number with a dot or bracket, and a space, at the head of a line
    bold    **so** or __so__, within one line

As in the style control of Chatbot Arena (T. Li et al., “Does style matter?”, 2024). Blocks of code
count for the length alone. Each expression looks at each character a bounded number of times,
whatever somebody wrote.
"""

import re
from typing import NamedTuple

# A line break in front is found fast; ^ would be tried at every character.
HEAD_OF_LINE = re.compile(r"\n[ \t]*(?:(#{1,6})|[-*+]|\d{1,9}[.)])[ \t]")
STARS = re.compile(r"\*\*(?=\S)[^*\n]+\*\*")
LOW_LINES = re.compile(r"__(?=\S)[^_\n]+__(?!\w)")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


class Written(NamedTuple):
    """Counts of one text."""

    characters: int
    words: int
    headers: int
    entries: int
    bold: int


def written(text: str) -> Written:
    """What is counted of the text; words are what white space divides."""
    words = len(text.split())
    plain = _without_code(text) if "```" in text or "~~~" in text else text
    heads = HEAD_OF_LINE.findall("\n" + plain)
    headers = len(heads) - heads.count("")
    bold = len(STARS.findall(plain)) + len(LOW_LINES.findall(plain))
    return Written(len(text), words, headers, len(heads) - headers, bold)


def _without_code(text: str) -> str:
    """The lines outside of fenced blocks; a block that is not closed goes on to the end."""
    kept, fence = [], ""
    for line in text.split("\n"):
        found = FENCE.match(line)
        mark = found[1] if found else ""
        if fence:
            # closed by the same mark, at least as long, and nothing behind it
            if mark.startswith(fence) and not line.strip().strip(mark[0]):
                fence = ""
        elif mark:
            fence = mark
        else:
            kept.append(line)
    return "\n".join(kept)
