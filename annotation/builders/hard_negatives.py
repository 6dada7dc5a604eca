"""The best response under the reward model, against those that come closest to it.

gain = -(r(best) - r(worst of the group))

Where the reward model is asked to tell good from almost as good, it learns most about what it is
later pushed towards.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, islice
from random import Random

from annotation.builders.candidates import DRAWS, Candidate, Group, gap, scored

LABEL = "The best against what comes closest (reward model)"
NEEDS_SCORES = True


def groups(candidates: Sequence[Candidate], k: int, draw: Random) -> Iterator[Group]:
    """The best with the K - 1 next ones, then with farther ones."""
    # Equal texts make no group: with two of them the search for one would have no end.
    ranked: list[Candidate] = []
    for each in scored(candidates):
        if each.text.strip() not in {other.text.strip() for other in ranked}:
            ranked.append(each)
    if len(ranked) < k:
        return
    best = ranked[0]
    # In lexicographic order the nearest ones come first.
    for others in islice(combinations(ranked[1:], k - 1), DRAWS):
        yield Group((best, *others), gain=-gap(best, others[-1]) if others else 0.0)
