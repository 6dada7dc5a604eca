"""What tells the answers of a project apart, so that agreement is seen by week, category, …

A part gives the key of every judgement, and what the keys are called. `rows` are the rows of the
table that the judgements are made of; `items` are the table's items where these are few, else None:
then the whole project is asked. Keys never change their meaning, so sums by key can be carried on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from django.db.models import Case, F, IntegerField, QuerySet, Value, When
from django.db.models.functions import Coalesce

from annotation.answer_table import AnswerTable
from annotation.arrays import Ints, int_columns
from annotation.distinct import distinct, looked_up
from annotation.models import Item, ItemResponse, Project, Response, text_hash
from annotation.queries_browse_filters import BrowseFilters
from annotation.queries_coverage import NO_CATEGORY

WEEK = 7 * 86_400
MONDAY = 4 * 86_400  # the first one after 1970-01-01
PAIR = 2**31  # the key of two sources is the first one's number times this, and the second one's

NO_BATCH = "In no batch"

Items = list[int] | None
Keys = tuple[Ints, dict[int, str]]
Found = dict[int, BrowseFilters]


@dataclass(frozen=True)
class Part:
    """`found` says of keys with their names how the data browser finds their items. `is_ordered`:
    the keys have an order of their own, else the most answers come first."""

    slug: str
    title: str
    note: str
    keys: Callable[[Project, AnswerTable, Ints, Items], Keys]
    found: Callable[[Project, Mapping[int, str]], Found]
    is_ordered: bool = False


# --- by the answer ----------------------------------------------------------------------------


def _weeks(project: Project, table: AnswerTable, rows: Ints, items: Items) -> Keys:
    keys = (table.created[rows] - MONDAY) // WEEK
    return keys, {week: f"{_day(week):%d %b %Y}" for week in distinct(keys)[0].tolist()}


def _in_weeks(project: Project, weeks: Mapping[int, str]) -> Found:
    return {
        week: BrowseFilters(after=_day(week), until=_day(week) + timedelta(days=6))
        for week in weeks
    }


def _day(week: int) -> date:
    return date(1970, 1, 5) + timedelta(weeks=week)


def _guidelines(project: Project, table: AnswerTable, rows: Ints, items: Items) -> Keys:
    numbers = dict(project.guidelines.values_list("pk", "version"))
    names = {pk: f"Version {number}" for pk, number in numbers.items()} | {0: "None"}
    return table.guideline[rows], names


def _under_guidelines(project: Project, guidelines: Mapping[int, str]) -> Found:
    versions = dict(project.guidelines.values_list("pk", "version")) | {0: 0}
    return {pk: BrowseFilters(guideline=versions[pk]) for pk in guidelines if pk in versions}


# --- by the item ------------------------------------------------------------------------------


def _batches(project: Project, table: AnswerTable, rows: Ints, items: Items) -> Keys:
    names = dict(project.batches.values_list("pk", "name")) | {0: NO_BATCH}
    if len(names) == 1:
        return np.zeros(len(rows), dtype=np.int64), names
    batch = Coalesce("named_batch", Value(0))
    columns = int_columns(_items(project, items), item=F("pk"), key=batch)
    return looked_up(table.item[rows], columns["item"], columns["key"]), names


def _of_batches(project: Project, batches: Mapping[int, str]) -> Found:
    return {pk: BrowseFilters(batch=pk, answers=2) for pk in batches}


def _categories(project: Project, table: AnswerTable, rows: Ints, items: Items) -> Keys:
    prompts = project.prompts.order_by()
    if items is not None:
        prompts = prompts.filter(items__in=items)
    found = sorted(prompts.values_list("category", flat=True).distinct())
    keys = [int(text_hash(name)[:15], 16) for name in found]  # a category is nothing but its name
    place = Case(
        *(When(prompt__category=name, then=Value(n)) for n, name in enumerate(found)),
        default=Value(0),  # named a moment ago
        output_field=IntegerField(),
    )
    columns = int_columns(_items(project, items), item=F("pk"), place=place)
    number = np.array(keys or [0], dtype=np.int64)[columns["place"]]
    names = {key: name or NO_CATEGORY for key, name in zip(keys, found, strict=True)}
    return looked_up(table.item[rows], columns["item"], number), names


def _of_categories(project: Project, categories: Mapping[int, str]) -> Found:
    return {
        key: BrowseFilters(no_category=True, answers=2)
        if name == NO_CATEGORY
        else BrowseFilters(category=name, answers=2)
        for key, name in categories.items()
    }


def _sources(project: Project, table: AnswerTable, rows: Ints, items: Items) -> Keys:
    """Of more than two sources, the first and the last."""
    places = ItemResponse.objects.filter(item__project=project)
    if items is not None:
        places = places.filter(item__in=items)
        columns = int_columns(places, item=F("item"), source=F("response__source"))
        source = columns["source"]
    else:  # joined here: the database would carry the texts along
        columns = int_columns(places, item=F("item"), response=F("response"))
        written = Response.objects.filter(source__project=project)
        known = int_columns(written, response=F("pk"), source=F("source"))
        source = looked_up(columns["response"], known["response"], known["source"])
    different, rank = distinct(source)
    found, place = distinct(columns["item"])
    lowest = np.full(len(found), len(different))
    highest = np.zeros(len(found), dtype=np.int64)
    np.minimum.at(lowest, place, rank)
    np.maximum.at(highest, place, rank)
    keys = looked_up(table.item[rows], found, different[lowest] * PAIR + different[highest])
    labels = dict(project.sources.values_list("pk", "label"))
    names = {
        key: f"{labels.get(key // PAIR, '–')} · {labels.get(key % PAIR, '–')}"
        for key in distinct(keys)[0].tolist()
    }
    return keys, names


def _of_sources(project: Project, pairs: Mapping[int, str]) -> Found:
    slugs = dict(project.sources.values_list("pk", "slug"))
    return {
        key: BrowseFilters(
            source=tuple(slugs[pk] for pk in sorted({*divmod(key, PAIR)})), answers=2
        )
        for key in pairs
    }


def _items(project: Project, items: Items) -> QuerySet[Item]:
    found = Item.objects.filter(project=project)
    return found if items is None else found.filter(pk__in=items)


PARTS = (
    Part(
        "weeks",
        "By week",
        "Of the answers given in the week that begins on",
        _weeks,
        _in_weeks,
        True,
    ),
    Part("batches", "By batch", "Of the items of each batch", _batches, _of_batches),
    Part("categories", "By category", "Of the prompt’s category", _categories, _of_categories),
    Part("sources", "By source pair", "Which two sources meet", _sources, _of_sources),
    Part(
        "guidelines",
        "By guideline",
        "Of the answers given under",
        _guidelines,
        _under_guidelines,
        True,
    ),
)
