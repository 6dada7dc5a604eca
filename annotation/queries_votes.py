"""A project's answers as the patterns of `suspicion` want them: votes on pairs, in arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db.models import F
from django.db.models.functions import Length
from numpy.typing import NDArray

from annotation.aggregation.gold import GoldAgreement
from annotation.agreement.units import Judgements
from annotation.answer_table import AnswerTable, Given, answer_table
from annotation.arrays import Ints, int_columns
from annotation.measures import DIRECTION, EQUAL, FIRST, NEITHER, SECOND
from annotation.models import Gold, ItemResponse, Project
from annotation.suspicion.crowd import Flags, Floats, Votes
from annotation.task_types import TASK_TYPES

LETTERS = 6  # of a word, with the space behind it


@dataclass(frozen=True)
class Material:
    """Everybody's answers. `people` (K,) are the keys of users, in order; every person below is a
    place in it. Of a ranking only pairs that share no response count, so each vote stands alone.

    Of judgements (J,): `said`, on DIRECTION's scale, `button` (a place of `fixed_place.BUTTONS`),
    `row` of the answer. Of votes (N,), the judgements that prefer one: `votes`, `judgement`, and
    whether the first is the longer one, where they differ. Of answers (A,): `table`.
    """

    people: Ints
    table: AnswerTable
    who: Ints  # (A,) place of the person
    words: Floats  # (A,) of the responses
    said: Judgements  # gold left out
    button: Ints
    row: Ints
    votes: Votes
    judgement: Ints
    first_longer: Flags
    differ: Flags
    gold: dict[int, GoldAgreement]  # by place, of hidden gold in force

    @property
    def when(self) -> Ints:
        """Of each vote, seconds since 1970 (N,)."""
        return self.table.created[self.row[self.judgement]]


def material(project: Project) -> Material:
    """All answers that count, hidden gold with them; training and retired gold left out."""
    table = answer_table(project, with_gold=True)
    golds = {gold.item_id: gold for gold in Gold.objects.filter(item__project=project)}
    in_force = {
        item: gold
        for item, gold in golds.items()
        if gold.kind == Gold.Kind.HIDDEN and gold.retired is None
    }
    people, who = np.unique(table.annotator, return_inverse=True)
    is_gold = np.isin(table.item, list(in_force))
    counts = is_gold | ~np.isin(table.item, list(golds))

    about, value, button, lengths = [], [], [], []
    abouts: dict[str, int] = {}
    for given in table.given:
        said = list(_directions(given))
        about += [abouts.setdefault(name, len(abouts)) for name, _, _ in said]
        value += [direction for _, direction, _ in said]
        button += [place for _, _, place in said]
        lengths.append(len(said))
    row, at = table.spread(lengths)
    kept = counts[row]
    row, at = row[kept], at[kept]
    about_of, value_of = np.array(about, dtype=np.int64)[at], np.array(value, dtype=np.int64)[at]
    unit = table.item[row] * max(len(abouts), 1) + about_of
    truth = {
        item * max(len(abouts), 1) + abouts[name]: 1 if direction == 0 else -1
        for item, gold in in_force.items()
        for name, direction, _ in _directions(_as_given(gold))
        if name in abouts and direction in (0, 2)
    }
    prefers = (value_of == 0) | (value_of == 2)
    judgement = np.flatnonzero(prefers)
    units, place = np.unique(unit[judgement], return_inverse=True)
    known = np.zeros(len(units), dtype=np.int64)
    for n in np.flatnonzero(np.isin(units, list(truth))).tolist():
        known[n] = truth[int(units[n])]
    words, first, second = _lengths(project, table, row[judgement], about_of[judgement], abouts)
    return Material(
        people=people,
        table=table,
        who=who,
        words=words,
        said=Judgements(
            DIRECTION.scale,
            *(each[~is_gold[row]] for each in (unit, table.annotator[row], value_of)),
        ),
        button=np.array(button, dtype=np.int64)[at],
        row=row,
        votes=Votes(place, who[row[judgement]], value_of[judgement] == 0, known[place]),
        judgement=judgement,
        first_longer=first > second,
        differ=first != second,
        gold=_gold(table, who, is_gold, in_force),
    )


def _directions(given: Given) -> Iterator[tuple[str, int, int]]:
    """Of each pair of the answer that shares no response with another one: its name, what is said
    of it by its place on DIRECTION's scale, and which button that was."""
    shown = {response: at for at, response in enumerate(given.order)}
    for each in TASK_TYPES[given.task_type].judged(given.answer, given.responses):
        if each.measure != DIRECTION.name:
            continue
        a, b = map(int, each.about.split("-"))
        if a % 2 or b != a + 1:
            continue
        is_first_shown = (shown[a] < shown[b]) == (each.value == FIRST)
        button = {EQUAL: 2, NEITHER: 3}.get(str(each.value), 0 if is_first_shown else 1)
        yield each.about, (FIRST, EQUAL, SECOND, NEITHER).index(str(each.value)), button


def _as_given(gold: Gold) -> Given:
    item = gold.item
    count = item.item_responses.count()
    return Given(gold.answer, tuple(range(count)), item.task_type, item.task_config)


def _lengths(
    project: Project, table: AnswerTable, row: Ints, about: Ints, abouts: dict[str, int]
) -> tuple[Floats, Ints, Ints]:
    """Words of each answer's responses (A,), and letters of each vote's first and second (N,)."""
    columns = int_columns(
        ItemResponse.objects.filter(item__project=project),
        item=F("item"),
        position=F("position"),
        letters=Length("response__text"),
    )
    items, at = np.unique(columns["item"], return_inverse=True)
    letters = np.zeros((len(items), int(columns["position"].max(initial=0)) + 2), dtype=np.int64)
    letters[at, columns["position"]] = columns["letters"]
    where = np.searchsorted(items, table.item)
    is_there = where < len(items)
    is_there[is_there] = items[where[is_there]] == table.item[is_there]  # one may be about a prompt
    of_item = np.zeros(len(table))
    of_item[is_there] = letters.sum(axis=1)[where[is_there]]
    first = np.zeros(max(len(abouts), 1), dtype=np.int64)
    for name, n in abouts.items():
        first[n] = int(name.split("-")[0])
    place = where[row]
    return (
        of_item / LETTERS,
        letters[place, first[about]],
        letters[place, first[about] + 1],
    )


def _gold(
    table: AnswerTable, who: Ints, is_gold: NDArray[np.bool_], in_force: dict[int, Gold]
) -> dict[int, GoldAgreement]:
    """How often each person's answers to gold carry the researchers' label."""
    rows = np.flatnonzero(is_gold)
    pairs, at = np.unique(
        np.stack([table.item[rows], table.said[rows]]), axis=1, return_inverse=True
    )
    agreed = np.zeros(pairs.shape[1], dtype=np.int64)
    for n, (item, said) in enumerate(pairs.T.tolist()):
        given, gold = table.given[said], in_force[item]
        label = TASK_TYPES[given.task_type].agreement_label
        agreed[n] = label(given.answer) == label(gold.answer)
    people = int(who.max(initial=-1)) + 1
    seen = np.bincount(who[rows], minlength=people)
    right = np.bincount(who[rows], agreed[at], minlength=people)
    return {k: GoldAgreement(int(right[k]), int(seen[k])) for k in np.flatnonzero(seen).tolist()}
