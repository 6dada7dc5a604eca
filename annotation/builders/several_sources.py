"""Each response of another source: the current model, the initial one, references, people."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random

from annotation.builders.candidates import DRAWS, Candidate, Group

LABEL = "Responses of several sources"
NEEDS_SCORES = False


def groups(candidates: Sequence[Candidate], k: int, draw: Random) -> Iterator[Group]:
    """K sources at random and one response of each at random, so often as there may be groups."""
    by_source: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_source[candidate.source].append(candidate)
    sources = sorted(by_source)
    if len(sources) < k:
        return
    for _ in range(DRAWS):
        chosen = draw.sample(sources, k)
        yield Group(tuple(draw.choice(by_source[source]) for source in chosen))
