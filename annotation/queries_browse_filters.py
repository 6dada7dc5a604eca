"""Which items the data browser is asked for, and the query that finds them.

Other pages link here. The parameters of the address, all of them optional and all together:

q            words, each of which stands in the prompt or in a response, whatever their case
status       open, complete, paused, retired or gold
round        number of the round                     origin      demo, import, api, sample or chat
batch        key of a named batch, 0 for none        import      key of an import
category     of the prompt                           no_category 1: of prompts without one
source       slug; given twice, both must appear     task_type   slug of the kind of question
guideline    version that was answered under, 0 for none
by           key of a person; given twice, both answered
after, until days (UTC, both included) between which an answer that counts was given
answers      how many answers count, at least        split       train or test
disputed     1: two answers differ                   flagged     1: somebody’s flag is not resolved
counted      1: without gold, whose answers count nowhere
order        newest, oldest or answers (most first)  start       where the page begins

Retests are copies for one person and are never shown.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q

from annotation.models import Annotation, Flag, Item, ItemQuerySet, ItemResponse, Project


@dataclass(frozen=True)
class BrowseFilters:
    """What the address asks for; the names are those of its parameters. None: not said."""

    q: str = ""
    status: str = ""
    round: int | None = None
    origin: str = ""
    batch: int | None = None
    import_: int | None = None
    category: str = ""
    no_category: bool = False
    source: tuple[str, ...] = ()
    task_type: str = ""
    guideline: int | None = None
    by: tuple[int, ...] = ()
    after: date | None = None
    until: date | None = None
    answers: int | None = None
    split: str = ""
    disputed: bool = False
    flagged: bool = False
    counted: bool = False
    order: str = "newest"
    start: str = ""

    @property
    def query(self) -> str:
        """As an address carries it."""
        said = {
            name.rstrip("_"): value
            for name, value in vars(self).items()
            if value is not None and value is not False and value not in ("", ())
        }
        if said["order"] == "newest":
            del said["order"]
        return urlencode({k: 1 if v is True else v for k, v in said.items()}, doseq=True)

    @property
    def is_scan(self) -> bool:
        """Whether items have to be read to know if they fit."""
        return bool(self.q.split()) or self.disputed


def matching(project: Project, filters: BrowseFilters) -> ItemQuerySet:
    """The items that fit, but for words and disputes, which `queries_browse.fitting` looks at."""
    items = Item.objects.filter(project=project).exclude(status=Item.Status.RETEST)
    same = {
        "status": filters.status,
        "origin": filters.origin,
        "task_type": filters.task_type,
        "prompt__category": filters.category,
        "prompt__split": filters.split,
    }
    items = items.filter(**{name: value for name, value in same.items() if value})
    if filters.no_category:
        items = items.filter(prompt__category="")
    numbers = {
        "round": filters.round,
        "batch": filters.import_,
        "answer_count__gte": filters.answers,
        "named_batch": filters.batch or None,
    }
    items = items.filter(**{name: value for name, value in numbers.items() if value is not None})
    if filters.batch == 0:
        items = items.filter(named_batch=None)
    for slug in filters.source:
        places = ItemResponse.objects.filter(item=OuterRef("pk"), response__source__slug=slug)
        items = items.filter(Exists(places.filter(response__source__project=project)))
    if filters.flagged:
        items = items.filter(Exists(Flag.objects.filter(item=OuterRef("pk"), resolved=None)))
    if filters.counted:
        items = items.filter(gold=None)
    return _answered(items, filters)


def _answered(items: ItemQuerySet, filters: BrowseFilters) -> ItemQuerySet:
    """Those with an answer that counts and was given so; with people, with one of each of them."""
    so = Q()
    if filters.after:
        so &= Q(created__gte=_midnight(filters.after))
    if filters.until:
        so &= Q(created__lt=_midnight(filters.until + timedelta(days=1)))
    if filters.guideline is not None:
        so &= Q(guideline__version=filters.guideline) if filters.guideline else Q(guideline=None)
    if not so and not filters.by:
        return items
    current = Annotation.objects.current().filter(so, assignment__item=OuterRef("pk"))
    if not filters.by:
        return items.filter(Exists(current))
    for person in filters.by:
        items = items.filter(Exists(current.filter(assignment__annotator=person)))
    return items


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
