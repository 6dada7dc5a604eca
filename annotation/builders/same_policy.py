"""Responses of one source against each other: what reward models for on-policy training need."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random

from annotation.builders.candidates import Candidate, Group, drawn

LABEL = "Responses of one source"
NEEDS_SCORES = False


def groups(candidates: Sequence[Candidate], k: int, draw: Random) -> Iterator[Group]:
    """Source after source in random order, and the groups of each in random order."""
    by_source: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_source[candidate.source].append(candidate)
    sources = sorted(by_source)
    draw.shuffle(sources)
    for source in sources:
        if len(by_source[source]) >= k:
            yield from drawn(by_source[source], k, draw)
