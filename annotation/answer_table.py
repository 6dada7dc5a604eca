"""The answers of a project that count, as arrays.

A million answers are as many rows of six numbers, but a few hundred different answers: each of
these is fetched, and understood, once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Expression, F, Func, IntegerField, Min, TextField, Value, Window
from django.db.models.functions import Cast, Coalesce

from annotation.arrays import Ints, int_columns
from annotation.models import Annotation, Item, Project
from annotation.task_types import Answer

# Gold measures people, a retest is a copy for one of them: neither says anything of the project.
LEFT_OUT = (Item.Status.GOLD, Item.Status.RETEST)


@dataclass(frozen=True)
class Given:
    """An answer as it was given to at least one item of so many responses."""

    answer: Answer
    responses: int
    task_type: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class AnswerTable:
    """Per answer (N,): item, annotator, when (seconds since 1970), guideline (0: none), and `said`,
    its place in `given`, the different answers."""

    item: Ints
    annotator: Ints
    created: Ints
    guideline: Ints
    said: Ints
    given: list[Given]

    def __len__(self) -> int:
        return len(self.item)


def answer_table(project: Project) -> AnswerTable:
    """All answers of the project that count; those to gold and retests left out."""
    current = Annotation.objects.current().filter(assignment__item__project=project)
    columns = int_columns(
        current.exclude(assignment__item__status__in=LEFT_OUT),
        item=F("assignment__item"),
        annotator=F("assignment__annotator"),
        guideline=Coalesce("guideline", Value(0)),
        created=_seconds(),
        annotation=F("pk"),
        content=_content(),
    )
    _, first, said = np.unique(columns.pop("content"), return_index=True, return_inverse=True)
    examples = columns.pop("annotation")[first].tolist()
    return AnswerTable(**columns, said=said.astype(np.int64), given=_given(project, examples))


def _seconds() -> Expression:
    if connection.vendor == "postgresql":
        return Func(F("created"), template="extract(epoch FROM %(expressions)s)")
    return Func(Value("%s"), F("created"), function="strftime", output_field=IntegerField())


def _content() -> Expression:
    """A number that is equal for equal answers to as many responses, and for no others."""
    text, order = Cast("answer", TextField()), F("assignment__display_order")
    if connection.vendor == "postgresql":
        count = Cast(Func(order, function="jsonb_array_length"), IntegerField())
        return Func(text, count, function="hashtextextended")  # of 64 bits
    length = Func(order, function="json_array_length", output_field=IntegerField())
    return Window(Min("pk"), partition_by=[text, length])


def _given(project: Project, examples: list[int]) -> list[Given]:
    rows = Annotation.objects.filter(pk__in=examples).values_list(
        "pk",
        "answer",
        "assignment__display_order",
        "assignment__item__task_type",
        "assignment__item__task_config",
    )
    found = {
        pk: Given(answer or {}, len(order), task_type, project.task_config | config)
        for pk, answer, order, task_type, config in rows
    }
    return [found[pk] for pk in examples]
