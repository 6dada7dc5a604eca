"""Which responses were compared in a project, and how often each was preferred."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from django.db.models import F
from numpy.typing import NDArray

from annotation.answer_table import AnswerTable
from annotation.arrays import Ints, int_columns
from annotation.distinct import distinct, looked_up
from annotation.models import ItemResponse, Project, Response
from annotation.task_types import TASK_TYPES

Floats = NDArray[np.float64]
Numbers = TypeVar("Numbers", int, Ints)

MAX_RESPONSES = 64  # of an item: one key holds item and places


@dataclass(frozen=True)
class Comparisons:
    """Each pair of responses that answers prefer or tie, once (J,), in the order of its `key`: its
    item, both responses and their sources. And each time that it was judged (N,): the pair, the row
    of the answer table, and how far the first was preferred (1, ½ or 0)."""

    key: Ints
    item: Ints
    first: Ints
    second: Ints
    first_source: Ints
    second_source: Ints
    pair: Ints
    row: Ints
    said: Floats

    def __len__(self) -> int:
        return len(self.item)

    @cached_property
    def count(self) -> Floats:
        """How often each pair was judged (J,)."""
        return np.bincount(self.pair, minlength=len(self)).astype(np.float64)

    @cached_property
    def won(self) -> Floats:
        """How often the first was preferred, with ties as halves (J,)."""
        return np.asarray(np.bincount(self.pair, self.said, minlength=len(self)), dtype=np.float64)


def comparisons(project: Project, table: AnswerTable) -> Comparisons:
    """All that the answers compare; those that call both bad compare nothing."""
    pairs = [
        [
            each.oriented()
            for each in TASK_TYPES[given.task_type].preferences(given.answer, given.responses)
        ]
        for given in table.given
    ]
    flat = [(a, b, p) for each in pairs for (a, b), p in each]
    places = np.array([(a, b) for a, b, _ in flat], dtype=np.int64).reshape(len(flat), 2)
    p = np.array([p for _, _, p in flat], dtype=np.float64)
    row, at = table.spread([len(each) for each in pairs])
    # numbers that lie close together are told apart quickly
    combinations, combination = np.unique(places, axis=0, return_inverse=True)
    items, of_row = distinct(table.item[row])
    size = max(len(combinations), 1)
    codes, pair = distinct(of_row * size + combination.reshape(-1)[at])
    item, (a, b) = items[codes // size], combinations.reshape(-1, 2)[codes % size].T
    found = _responses(project)
    first, second = found.at(item, a), found.at(item, b)
    return Comparisons(
        key=pair_key(item, a, b),
        item=item,
        first=found.response[first],
        second=found.response[second],
        first_source=found.source[first],
        second_source=found.source[second],
        pair=pair,
        row=row,
        said=p[at],
    )


def pair_key(item: Numbers, a: Numbers, b: Numbers) -> Numbers:
    """A number for the pair of places a < b of an item."""
    return (item * MAX_RESPONSES + a) * MAX_RESPONSES + b


@dataclass(frozen=True)
class _Responses:
    """Of the responses of all items, in the order of their keys (R,)."""

    key: Ints
    response: Ints
    source: Ints

    def at(self, item: Ints, place: Ints) -> Ints:
        """Where the response stands that has this place in the item."""
        return np.asarray(np.searchsorted(self.key, item * MAX_RESPONSES + place))


def _responses(project: Project) -> _Responses:
    columns = int_columns(
        ItemResponse.objects.filter(item__project=project),
        item=F("item"),
        position=F("position"),
        response=F("response"),
    )
    # joined here: the database would carry the texts along
    written = int_columns(
        Response.objects.filter(source__project=project), response=F("pk"), source=F("source")
    )
    key = columns["item"] * MAX_RESPONSES + columns["position"]
    order = np.argsort(key)
    response = columns["response"][order]
    source = looked_up(response, written["response"], written["source"])
    return _Responses(key[order], response, source)
