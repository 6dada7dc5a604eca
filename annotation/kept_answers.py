"""The answers of a project, kept in this process from one page to the next and carried on.

Reading a million answers takes seconds, and a new one changes one item. So the table of a project
is kept, and only the items that were answered since are read again. Two things say what they are:

    annotations with a higher number than the last one looked at, and a few before it, which may
    have come later from a transaction that took longer;
    the sum of `Item.answer_count`, which must be the number of answers in the table. Where it is
    not (an item became gold, a late answer came to count, an import was undone), all are read. To
    add it up takes as long as all else together, so it is done every few seconds.

Whoever computes something from a table can keep it in `derived` and carry it on too: `changed`
says which items are not what they were.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from itertools import count
from threading import Lock
from typing import Any

import numpy as np
from django.db.models import Max, Sum

from annotation.answer_table import AnswerTable, answer_table
from annotation.arrays import Ints
from annotation.models import Annotation, Item, Project

SMALL = 20_000  # answers; as few are read each time, which takes no longer
LOOK_BACK = 200  # annotations
MANY = 5_000  # changed items; for more of them all are read again
CARRIED = 200  # times that a table is carried on before all are read again
ROWS = 4_000_000  # kept in all, some 160 MB
SECONDS = 5.0  # between one sum and the next

_versions = count(1)
_kept: "OrderedDict[tuple[int, str], Kept]" = OrderedDict()
_lock = Lock()


@dataclass(frozen=True)
class Kept:
    """A table, the last annotation looked at, and which items changed after which version."""

    table: AnswerTable
    last: int
    version: int
    added_up: float
    changes: tuple[tuple[int, Ints], ...] = ()
    derived: dict[Any, Any] = field(default_factory=dict)

    def changed(self, version: int) -> Ints | None:
        """The items that changed since that version of the table; None where it is not known."""
        if version == self.version:
            return np.zeros(0, dtype=np.int64)
        versions = [each for each, _ in self.changes]
        if version not in versions:
            return None
        later = self.changes[versions.index(version) :]
        return np.unique(np.concatenate([items for _, items in later]))


def kept_answers(project: Project) -> Kept:
    """The answers as they stand now; see `answer_table` for which they are."""
    # the salt is drawn: another project that got the same number (a restored database) has another
    key = (project.pk, project.split_salt)
    with _lock:
        before = _kept.get(key)
    now = _carried_on(project, before) if before and len(before.table) >= SMALL else None
    now = now or _read(project)
    with _lock:
        _kept[key] = now
        _kept.move_to_end(key)
        while len(_kept) > 1 and sum(len(each.table) for each in _kept.values()) > ROWS:
            _kept.popitem(last=False)
    return now


def answers_without_turns(project: Project) -> AnswerTable:
    """The kept table where there is one; else a table without turns, which is not kept."""
    with _lock:
        is_kept = (project.pk, project.split_salt) in _kept
    return kept_answers(project).table if is_kept else answer_table(project, with_turns=False)


def forget() -> None:
    """Keep nothing any more."""
    with _lock:
        _kept.clear()


def _read(project: Project) -> Kept:
    last = _last_annotation()  # what comes in while the table is read is looked at again
    return Kept(answer_table(project), last, next(_versions), time.monotonic())


def _carried_on(project: Project, before: Kept) -> Kept | None:
    """The table with what has changed; None where all must be read again."""
    last, now = _last_annotation(), time.monotonic()
    if len(before.changes) >= CARRIED:
        return None
    table, items = _with_new_answers(project, before) if last != before.last else (before.table, [])
    if table is None:
        return None
    added_up = before.added_up
    if now - added_up >= SECONDS:
        if _answers_that_count(project) != len(table):
            return None
        added_up = now
    if not items:
        return replace(before, last=last, added_up=added_up)
    changes = (*before.changes, (before.version, np.array(items, dtype=np.int64)))
    return Kept(table, last, next(_versions), added_up, changes, before.derived)


def _with_new_answers(project: Project, before: Kept) -> tuple[AnswerTable | None, list[int]]:
    """The table as it is now and the items that changed; no table where they are too many."""
    since = Annotation.objects.filter(
        pk__gt=before.last - LOOK_BACK, assignment__item__project=project
    )
    asked = set(since.values_list("assignment__item", flat=True)[: MANY + LOOK_BACK])
    if len(asked) > MANY:
        return None, []
    new = answer_table(project, sorted(asked))
    rows = np.flatnonzero(np.isin(before.table.item, list(asked)))
    was, now = _by_item(before.table, rows), _by_item(new, np.arange(len(new)))
    items = sorted(item for item in asked if was.get(item) != now.get(item))
    if not items:
        return before.table, []
    rows = rows[np.isin(before.table.item[rows], items)]
    return before.table.replaced(rows, new.where(np.isin(new.item, items))), items


def _by_item(table: AnswerTable, rows: Ints) -> dict[int, dict[int, tuple[object, ...]]]:
    """What each person said of each item, out of these rows."""
    said: dict[int, dict[int, tuple[object, ...]]] = {}
    for row in rows.tolist():
        numbers = (int(table.created[row]), int(table.guideline[row]), int(table.spent[row]))
        answer = (*numbers, table.given[table.said[row]])
        said.setdefault(int(table.item[row]), {})[int(table.annotator[row])] = answer
    return said


def _last_annotation() -> int:
    return Annotation.objects.aggregate(last=Max("pk"))["last"] or 0


def _answers_that_count(project: Project) -> int:
    counted = project.items.filter(gold=None).exclude(status=Item.Status.RETEST)
    return counted.aggregate(answers=Sum("answer_count"))["answers"] or 0
