"""Which different whole numbers occur, and which of them each one is."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SPREAD = 8  # numbers within so many times their count are told apart by a table


def distinct(values: Ints) -> tuple[Ints, Ints]:
    """The different values in ascending order (U,), and the place of each value among them (N,).

    What `np.unique` gives with its inverse, but in linear time where the values lie close together,
    as keys of rows do, and without sorting them with their places elsewhere.
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    low, high = int(values.min()), int(values.max())
    if high - low < SPREAD * len(values):
        shifted = values - low
        occurs = np.zeros(high - low + 1, dtype=np.bool_)
        occurs[shifted] = True
        rank = np.cumsum(occurs) - 1
        return np.flatnonzero(occurs) + low, rank[shifted]
    found = np.unique(values)
    return found, np.searchsorted(found, values)


def looked_up(wanted: Ints, keys: Ints, values: Ints) -> Ints:
    """The value of each wanted key (N,); every one of them is among the keys."""
    if not len(wanted):
        return np.zeros(0, dtype=np.int64)
    low, high = int(keys.min()), int(keys.max())
    if high - low < SPREAD * len(keys):
        table = np.zeros(high - low + 1, dtype=np.int64)
        table[keys - low] = values
        return np.asarray(table[wanted - low])
    order = np.argsort(keys)
    return np.asarray(values[order][np.searchsorted(keys[order], wanted)])
