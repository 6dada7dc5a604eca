"""Whether the answers to one item say the same, pair by pair.

An answer votes on the pair (a, b), a < b: a is better, b is better, or neither. Who prefers nothing
at all (both bad, not rankable) votes so on every pair, by a vote of its own. Of the pair's votes

    share = the most frequent vote's count / the number of answers

and the answers agree where the share of every pair is at least what is asked for.
"""

from collections import Counter
from collections.abc import Sequence

from annotation.preferences import Preference

Pair = tuple[int, int]

NOTHING = None  # the answer compares nothing: neither better nor equal


def vote(preference: Preference) -> tuple[Pair, int]:
    """The pair with a < b, and 1 where a is better, -1 where b is, 0 where they are equal."""
    pair, p = preference.oriented()
    return pair, (p > 0.5) - (p < 0.5)


def majority_shares(answers: Sequence[Sequence[Preference]]) -> dict[Pair, float]:
    """For each pair that an answer compares, the share of the answers that says the most said."""
    votes = [dict(map(vote, preferences)) for preferences in answers]
    pairs = sorted({pair for each in votes for pair in each})
    return {
        pair: max(Counter(each.get(pair, NOTHING) for each in votes).values()) / len(votes)
        for pair in pairs
    }


def agree(answers: Sequence[Sequence[Preference]], share: float) -> bool:
    """Whether the majority on every pair reaches the share; true where nothing was compared."""
    return all(held >= share - 1e-9 for held in majority_shares(answers).values())
