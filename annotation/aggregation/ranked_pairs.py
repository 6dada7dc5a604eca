"""One order that a majority stands behind, pair by pair: ranked pairs (Tideman 1987).

Pairs are taken from the clearest majority to the narrowest, and each is locked in unless it would
close a circle with those before it. Whom nobody beats in what is locked comes first, and so on.
"""

from collections.abc import Sequence

import numpy as np

from annotation.aggregation.bradley_terry import Floats


def majorities(ballots: Sequence[tuple[int, Sequence[int]]], size: int) -> Floats:
    """How many prefer i to j (size, size), of ballots (how many, order from the best)."""
    preferring = np.zeros((size, size))
    for count, order in ballots:
        for place, each in enumerate(order):
            for other in order[place + 1 :]:
                preferring[each, other] += count
    return preferring


def order(preferring: Floats) -> list[int]:
    """All, the best first. Equal majorities are taken by the smaller minority, then by index."""
    size = len(preferring)
    pairs = [
        (-preferring[i, j], preferring[j, i], i, j)
        for i in range(size)
        for j in range(size)
        if preferring[i, j] > preferring[j, i]
    ]
    reaches = np.eye(size, dtype=bool)  # whom each one is locked above, through others too
    for _, _, i, j in sorted(pairs):
        if not reaches[j, i]:
            reaches |= np.outer(reaches[:, i], reaches[j])
    left, found = list(range(size)), []
    while left:
        best = next(i for i in left if not any(reaches[j, i] for j in left if j != i))
        found.append(best)
        left.remove(best)
    return found
