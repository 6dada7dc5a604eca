"""What a pattern found of one person."""

from dataclasses import dataclass

ENOUGH = 10  # answers; of fewer nothing is said


@dataclass(frozen=True)
class Finding:
    """Of the person at this place: the p of one pattern, and the evidence in a sentence.

    `is_shown`: p lies below the pattern's level, and the pattern is strong enough to matter.
    `beside`: the other people that the sentence is about.
    """

    person: int
    label: str
    p: float
    sentence: str
    is_shown: bool
    beside: tuple[int, ...] = ()


def of(count: int, total: int, what: str) -> str:
    """ "28 of 30 answers" """
    return f"{count:,} of {total:,} {what}"


def p_words(p: float) -> str:
    """p as it stands in a sentence; what is smaller than can be computed is not given as 0."""
    return "p\u00a0<\u00a00.0001" if p < 0.0001 else f"p\u00a0=\u00a0{p:.4f}"


def percent(share: float) -> str:
    """0.5 → "50 %", which no line breaks apart."""
    return f"{share:.0%}".replace("%", "\u00a0%")
