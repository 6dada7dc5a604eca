"""Any responses to the prompt, each group as likely as every other.

The only arm whose agreement and win rates stand for the responses as a whole.
"""

from collections.abc import Iterator, Sequence
from random import Random

from annotation.builders.candidates import Candidate, Group, drawn

LABEL = "At random"
NEEDS_SCORES = False


def groups(candidates: Sequence[Candidate], k: int, draw: Random) -> Iterator[Group]:
    yield from drawn(candidates, k, draw)
