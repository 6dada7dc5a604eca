"""Words in a row, as a sentence has them."""

from collections.abc import Sequence

MOST = 5


def listed(words: Sequence[str], most: int = MOST) -> str:
    """a · a and b · a, b and c · a, b, c, d, e and others."""
    if len(words) > most:
        return ", ".join(words[:most]) + " and others"
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]
