"""The answers of a project that count, as arrays.

A million answers are as many rows of a few numbers, but mostly far fewer different answers: each
of these is fetched, and understood, once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    Expression,
    F,
    Func,
    IntegerField,
    Min,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, Coalesce, Greatest
from numpy.typing import NDArray

from annotation.arrays import Ints, int_columns
from annotation.distinct import distinct
from annotation.models import Annotation, Assignment, Gold, Item, Project
from annotation.task_types import Answer

ASKED_AT_ONCE = 10_000  # keys in one query: SQLite takes 32,766 at most
UNKNOWN = -1
COLUMNS = ("annotation", "item", "annotator", "created", "guideline", "spent", "said")


@dataclass(frozen=True)
class Given:
    """An answer as it was given at least once, the responses shown in this order."""

    answer: Answer
    order: tuple[int, ...]  # order[i] is the canonical index shown at i
    task_type: str
    config: Mapping[str, Any]

    @property
    def responses(self) -> int:
        return len(self.order)


@dataclass(frozen=True)
class AnswerTable:
    """Per answer (N,): its own key (greater for a later one), item, annotator, when (seconds since
    1970), guideline (0: none), `spent`, focused milliseconds (UNKNOWN: nobody measured), and
    `said`, its place in `given`, the different answers in different orders."""

    annotation: Ints
    item: Ints
    annotator: Ints
    created: Ints
    guideline: Ints
    spent: Ints
    said: Ints
    given: list[Given]

    def __len__(self) -> int:
        return len(self.item)

    def where(self, chosen: NDArray[np.bool_]) -> "AnswerTable":
        """Those answers alone."""
        columns = {name: getattr(self, name)[chosen] for name in COLUMNS}
        return replace(self, **columns)

    def replaced(self, rows: Ints, other: "AnswerTable") -> "AnswerTable":
        """The other table's answers in the place of these few rows, which are in order. What was
        given in both stands twice in `given`."""
        pieces = list(pairwise([-1, *rows.tolist(), len(self)]))
        more = replace(other, said=other.said + len(self.given))
        columns = {
            name: np.concatenate(
                [*(getattr(self, name)[a + 1 : b] for a, b in pieces), getattr(more, name)]
            )
            for name in COLUMNS
        }
        return AnswerTable(**columns, given=[*self.given, *other.given])

    def spread(self, lengths: Sequence[int]) -> tuple[Ints, Ints]:
        """Where each given answer says so many things, all of them one behind the other (J,): the
        row of each, and its place among the things that the given ones say."""
        length = np.array(lengths, dtype=np.int64)
        start = np.cumsum(length) - length
        of_row = length[self.said]
        rows = np.repeat(np.arange(len(self)), of_row)
        inside = np.arange(len(rows)) - np.repeat(np.cumsum(of_row) - of_row, of_row)
        return rows, start[self.said[rows]] + inside


def answer_table(
    project: Project,
    items: Sequence[int] | None = None,
    *,
    with_gold: bool = False,
    with_turns: bool = True,
) -> AnswerTable:
    """All answers of the project that count (`Annotation.objects.current`), or those to some of
    its items, a few thousand at most. Retests are left out, being copies for one person, and so is
    what is or was gold, which measures people, unless it is asked for.

    Without turns the columns of who, when, by which guideline and how long stay empty: a quarter
    of the time less.
    """
    revisions = Annotation.objects.filter(
        assignment__item__project=project, assignment__status=Assignment.Status.ANSWERED
    )
    if items is not None:
        revisions = revisions.filter(assignment__item__in=items)
    if not with_gold:
        gold = Gold.objects.filter(item__project=project)
        revisions = revisions.exclude(assignment__item__in=gold.values("item"))
    columns = int_columns(
        revisions.exclude(assignment__item__status=Item.Status.RETEST),
        **(_turns() if with_turns else {}),
        item=F("assignment__item"),
        content=_content(),
        **({} if with_turns else {"assignment": F("assignment")}),
        # later revisions have higher keys; one that withdraws has it with a minus
        annotation=Case(When(kind=Annotation.Kind.ANSWER, then=F("pk")), default=-F("pk")),
    )
    if with_turns:  # a person has one turn at an item
        people, person = distinct(columns["annotator"])
        turn = columns["item"] * len(people) + person
    else:
        turn = columns.pop("assignment")
    counts = _is_newest(turn, abs(columns["annotation"]))
    counts &= columns["annotation"] > 0
    if not counts.all():
        columns = {name: column[counts] for name, column in columns.items()}
    contents, said = distinct(columns.pop("content"))
    examples = np.zeros(len(contents), dtype=np.int64)
    examples[said] = columns["annotation"]  # any one of each
    if not with_turns:
        columns |= dict.fromkeys(_turns(), np.zeros(0, dtype=np.int64))
    return AnswerTable(**columns, said=said, given=_given(project, examples.tolist()))


def _is_newest(turn: Ints, annotation: Ints) -> NDArray[np.bool_]:
    """Which rows are the last of their turn. Asked of the database, for every row whether
    there is a later one, this takes half as long as all the rest."""
    ordered = np.sort(turn)
    revised = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    newest = np.ones(len(turn), dtype=np.bool_)
    rows = np.flatnonzero(np.isin(turn, revised)) if len(revised) else revised
    order = rows[np.lexsort((annotation[rows], turn[rows]))]
    newest[order[:-1]] = turn[order][1:] != turn[order][:-1]
    return newest


def _turns() -> dict[str, Expression | F]:
    return {
        "annotator": F("assignment__annotator"),
        "guideline": Coalesce("guideline", Value(0)),
        "created": _seconds(),
        "spent": _spent(),
    }


def _seconds() -> Expression:
    if connection.vendor == "postgresql":
        return Func(Value("epoch"), F("created"), function="date_part")
    return Func(Value("%s"), F("created"), function="strftime", output_field=IntegerField())


def _spent() -> Expression:
    """Of the whole turn: who changes an answer has read before."""
    whole = Greatest("seconds", "assignment__active_seconds")
    return Case(When(seconds=None, then=Value(float(UNKNOWN))), default=whole * 1000.0)


def _content() -> Expression:
    """A number that is equal for equal answers in equal orders, and for no others."""
    text, order = Cast("answer", TextField()), F("assignment__display_order")
    if connection.vendor == "postgresql":
        # jsonb's own hash is the same for 2 and -2, of which an order has none
        seed = Cast(Func(order, function="jsonb_hash"), BigIntegerField())
        return Func(text, seed, function="hashtextextended")  # of 64 bits
    return Window(Min("pk"), partition_by=[text, Cast(order, TextField())])


def _given(project: Project, examples: list[int]) -> list[Given]:
    rows = Annotation.objects.values_list(
        "pk",
        "answer",
        "assignment__display_order",
        "assignment__item__task_type",
        "assignment__item__task_config",
    )
    found = {
        pk: Given(answer or {}, tuple(order), task_type, project.task_config | config)
        for first in range(0, len(examples), ASKED_AT_ONCE)
        for pk, answer, order, task_type, config in rows.filter(
            pk__in=examples[first : first + ASKED_AT_ONCE]
        )
    }
    return [found[pk] for pk in examples]
