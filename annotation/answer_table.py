"""The answers of a project that count, as arrays.

A million answers are as many rows of a few numbers, but mostly far fewer different answers: each
of these is fetched, and understood, once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
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
    Q,
    TextField,
    Value,
    When,
    Window,
)
from django.db.models.functions import Cast, Coalesce
from numpy.typing import NDArray

from annotation.arrays import Ints, int_columns
from annotation.models import Annotation, Assignment, Item, Project
from annotation.task_types import Answer

# Gold measures people, a retest is a copy for one of them: neither says anything of the project.
LEFT_OUT = (Item.Status.GOLD, Item.Status.RETEST)
EVERYTHING = Q()
ASKED_AT_ONCE = 10_000  # keys in one query: SQLite takes 32,766 at most


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
    """Per answer (N,): item, annotator, when (seconds since 1970), guideline (0: none), and `said`,
    its place in `given`, the different answers in different orders; and what else was asked for."""

    item: Ints
    annotator: Ints
    created: Ints
    guideline: Ints
    said: Ints
    given: list[Given]
    more: Mapping[str, Ints] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.item)

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
    *,
    among: Q = EVERYTHING,
    left_out: Collection[str] = LEFT_OUT,
    **more: Expression | F,
) -> AnswerTable:
    """All answers of the project that count (`Annotation.objects.current`); those to gold and
    retests left out, unless other statuses of items are; only those `among`. `more` are further
    whole numbers of each annotation."""
    revisions = Annotation.objects.filter(
        among, assignment__item__project=project, assignment__status=Assignment.Status.ANSWERED
    )
    columns = int_columns(
        revisions.exclude(assignment__item__status__in=left_out),
        **more,
        item=F("assignment__item"),
        annotator=F("assignment__annotator"),
        guideline=Coalesce("guideline", Value(0)),
        created=_seconds(),
        content=_content(),
        assignment=F("assignment"),
        # later revisions have higher keys; one that withdraws has it with a minus
        annotation=Case(When(kind=Annotation.Kind.ANSWER, then=F("pk")), default=-F("pk")),
    )
    counts = _is_newest(columns.pop("assignment"), abs(columns["annotation"]))
    counts &= columns["annotation"] > 0
    if not counts.all():
        columns = {name: column[counts] for name, column in columns.items()}
    _, first, said = np.unique(columns.pop("content"), return_index=True, return_inverse=True)
    examples = columns.pop("annotation")[first].tolist()
    asked_for = {name: columns.pop(name) for name in more}
    return AnswerTable(
        **columns, said=said.astype(np.int64), given=_given(project, examples), more=asked_for
    )


def _is_newest(assignment: Ints, annotation: Ints) -> NDArray[np.bool_]:
    """Which rows are the last of their assignment. Asked of the database, for every row whether
    there is a later one, this takes half as long as all the rest."""
    order = np.lexsort((annotation, assignment))
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = assignment[order][1:] != assignment[order][:-1]
    newest = np.empty(len(order), dtype=np.bool_)
    newest[order] = is_last
    return newest


def _seconds() -> Expression:
    if connection.vendor == "postgresql":
        return Func(Value("epoch"), F("created"), function="date_part")
    return Func(Value("%s"), F("created"), function="strftime", output_field=IntegerField())


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
