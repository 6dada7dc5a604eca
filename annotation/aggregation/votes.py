"""Several people's votes on the pairs of one item, merged to one preference a pair.

p        = Σ w_i p_i / Σ w_i
strength = Σ w_i s_i / Σ w_i
weight   = Σ w_i
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from annotation.preferences import Preference


def majority_of(merged: Iterable[Preference]) -> list[Preference]:
    """Each merged pair given to its majority: p becomes 1 or 0, and stays ½ where it is split."""
    return [replace(each, p=0.5 if each.p == 0.5 else float(each.p > 0.5)) for each in merged]


def merge_votes(preferences: Iterable[Preference]) -> list[Preference]:
    """One preference per pair with a < b, in order of the pair; votes of weight 0 are left out."""
    votes: defaultdict[tuple[int, int], list[tuple[float, float, float]]] = defaultdict(list)
    for vote in preferences:
        if vote.weight <= 0:
            continue
        pair, p = vote.oriented()
        votes[pair].append((vote.weight, p, vote.strength))
    merged = []
    for (a, b), cast in sorted(votes.items()):
        weight = sum(w for w, _, _ in cast)
        p = sum(w * p for w, p, _ in cast) / weight
        strength = sum(w * s for w, _, s in cast) / weight
        # Rounding may carry a weighted mean of ones to 1.0000000000000002.
        merged.append(Preference(a, b, p=min(max(p, 0.0), 1.0), strength=strength, weight=weight))
    return merged
