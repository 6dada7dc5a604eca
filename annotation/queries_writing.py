"""How prompts and responses are written, counted once: their texts never change.

What was counted is kept in the cache, as arrays; only what is new is fetched and counted. That may
be a million texts when a page is opened first: it then counts for a while, keeps what it has, and
says how far it came.
"""

from collections.abc import Callable, Iterable
from time import monotonic

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from annotation.arrays import Ints
from annotation.bias.writing import Written, written
from annotation.models import Project, Prompt, Response

KEPT_SECONDS = 30 * 24 * 3600
FETCHED = 5_000  # texts at a time
PATIENCE = 2.5  # seconds that one page counts for
VERSION = 1  # of what `written` counts

Kept = tuple[Ints, NDArray[np.int32]]
Fetch = Callable[[list[int]], Iterable[tuple[int, str]]]


class StillReading(Exception):
    """Not all texts are counted yet: `done` of `total` are."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__(
            f"The texts are being read for the first time: {done:,} of {total:,} so far. Load the"
            " page again to go on."
        )


def deadline() -> float:
    """Until when a page that is opened now counts."""
    return monotonic() + PATIENCE


def of_responses(project: Project, wanted: Ints, until: float) -> Ints:
    """What is counted of each of these responses (W, 5), in the order of `Written`."""
    return _kept(project, "responses", wanted, _responses, until)


def of_last_turns(project: Project, wanted: Ints, until: float) -> Ints:
    """What is counted of the last turn of each of these prompts (W, 5)."""
    return _kept(project, "prompts", wanted, _last_turns, until)


def _kept(project: Project, what: str, wanted: Ints, fetch: Fetch, until: float) -> Ints:
    # a key of the same number in another database was created at another time
    key = f"written:{VERSION}:{what}:{project.pk}:{project.created.timestamp()}"
    nothing: Kept = (np.zeros(0, np.int64), np.zeros((0, len(Written._fields)), np.int32))
    known, counts = cache.get(key, nothing)
    asked, place = np.unique(wanted, return_inverse=True)
    missing = np.setdiff1d(asked, known, assume_unique=True)
    if len(missing):
        found = _counted(missing, fetch, until)
        known, counts = np.append(known, found[:, 0]), np.append(counts, found[:, 1:], axis=0)
        order = np.argsort(known)
        known, counts = known[order], counts[order].astype(np.int32)
        cache.set(key, (known, counts), KEPT_SECONDS)
        if len(found) < len(missing):
            raise StillReading(len(asked) - len(missing) + len(found), len(asked))
    return np.asarray(counts[np.searchsorted(known, asked)][place], dtype=np.int64)


def _counted(missing: Ints, fetch: Fetch, until: float) -> Ints:
    """Keys and counts (M, 6); fewer where the time is over, but always some."""
    found: list[tuple[int, ...]] = []
    for first in range(0, len(missing), FETCHED):
        texts = fetch(missing[first : first + FETCHED].tolist())
        found += [(pk, *written(text)) for pk, text in texts]
        if monotonic() > until:
            break
    return np.array(found, dtype=np.int64).reshape(len(found), 1 + len(Written._fields))


def _responses(keys: list[int]) -> Iterable[tuple[int, str]]:
    return Response.objects.filter(pk__in=keys).order_by().values_list("pk", "text")


def _last_turns(keys: list[int]) -> Iterable[tuple[int, str]]:
    rows = Prompt.objects.filter(pk__in=keys).order_by().values_list("pk", "messages")
    return ((pk, messages[-1]["content"] if messages else "") for pk, messages in rows)
