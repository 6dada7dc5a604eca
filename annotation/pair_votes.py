"""What the answers of a project say on pairs of responses, as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from django.db.models import F
from numpy.typing import NDArray

from annotation.aggregation.soft_labels import EQUAL, FIRST, SECOND, PairVotes
from annotation.answer_table import AnswerTable
from annotation.arrays import Ints, int_columns
from annotation.models import ItemResponse, Project
from annotation.task_types import TASK_TYPES

MAX_RESPONSES = 64  # of an item: one key holds item and place

Floats = NDArray[np.float64]
Numbers = TypeVar("Numbers", int, Ints)


@dataclass(frozen=True)
class Pairs:
    """Per pair that an answer prefers or ties (J,): the row of its answer in the table, its item,
    the canonical places a < b, and p, how far a is preferred: 1, ½ or 0."""

    row: Ints
    item: Ints
    a: Ints
    b: Ints
    p: Floats

    @property
    def key(self) -> Ints:
        """A number for each pair of each item."""
        return pair_key(self.item, self.a, self.b)


def pairs_of(table: AnswerTable) -> Pairs:
    """Every pair that the answers say something on."""
    found = [
        [
            each.oriented()
            for each in TASK_TYPES[given.task_type].preferences(given.answer, given.responses)
        ]
        for given in table.given
    ]
    flat = [(a, b, p) for each in found for (a, b), p in each]
    a, b, p = np.array(flat, dtype=np.float64).reshape(len(flat), 3).T
    rows, at = table.spread([len(each) for each in found])
    return Pairs(rows, table.item[rows], a[at].astype(np.int64), b[at].astype(np.int64), p[at])


def pair_key(item: Numbers, a: Numbers, b: Numbers) -> Numbers:
    """A number for the pair of places a < b of an item."""
    return (item * MAX_RESPONSES + a) * MAX_RESPONSES + b


def responses_at(project: Project, item: Ints, place: Ints) -> Ints:
    """The response that stands at this place of the item."""
    columns = int_columns(
        ItemResponse.objects.filter(item__project=project),
        item=F("item"),
        place=F("position"),
        response=F("response"),
    )
    keys = columns["item"] * MAX_RESPONSES + columns["place"]
    order = np.argsort(keys)
    wanted = np.searchsorted(keys[order], item * MAX_RESPONSES + place)
    return np.asarray(columns["response"][order][wanted]) if len(item) else item


def votes_of(
    project: Project, table: AnswerTable, weights: Mapping[int, float]
) -> tuple[Ints, Ints, PairVotes]:
    """The votes on every pair, the key of each pair (U,) and the person behind each voter (K,).

    `weights` says how much the votes of a person count, by their number; others' count whole.
    """
    pairs = pairs_of(table)
    key, example, pair = np.unique(pairs.key, return_index=True, return_inverse=True)
    people, voter = np.unique(table.annotator[pairs.row], return_inverse=True)
    item, a, b = pairs.item[example], pairs.a[example], pairs.b[example]
    responses = responses_at(project, np.tile(item, 2), np.concatenate([a, b]))
    first, second = np.split(np.unique(responses, return_inverse=True)[1], 2)
    of_person = np.array([weights.get(each, 1.0) for each in people.tolist()])
    votes = PairVotes(
        pair=pair,
        voter=voter,
        label=np.select([pairs.p > 0.5, pairs.p < 0.5], [FIRST, SECOND], EQUAL),
        weight=of_person[voter] if len(voter) else np.zeros(0),
        first=first,
        second=second,
    )
    return key, people, votes
