"""Which responses are measured: of each source and category a sample that can be drawn again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from unicodedata import bidirectional

from django.db.models import Count

from annotation.models import Project, Response

MAX_SAMPLE = 2_000  # responses of one group
MAX_GROUPS = 30  # sources, and likewise categories, the largest ones
SEED = 20_160_612
CHUNK = 200  # texts read at once
LETTERS = 200  # of a text, that tell its direction


@dataclass
class Group:
    """A source, a category, or all; `responses` in all, of which `chosen` are measured."""

    kind: str  # all | source | category
    name: str
    draw: Random = field(default_factory=lambda: Random(SEED))  # noqa: S311  # no secret
    responses: int = 0
    chosen: list[int] = field(default_factory=list)

    def add(self, pk: int) -> None:
        """Every response is as likely to stay as any other (Vitter's algorithm R)."""
        self.responses += 1
        if len(self.chosen) < MAX_SAMPLE:
            self.chosen.append(pk)
        elif (place := self.draw.randrange(self.responses)) < MAX_SAMPLE:
            self.chosen[place] = pk


def groups_of(project: Project) -> list[Group]:
    """All responses, the largest sources, the largest categories, each with its sample."""
    rows = Response.objects.filter(prompt__project=project)
    everything = Group("all", "")
    sources = {slug: Group("source", slug) for slug in _largest(project, "source__slug")}
    categories = {name: Group("category", name) for name in _largest(project, "prompt__category")}
    found = rows.order_by("pk").values_list("pk", "source__slug", "prompt__category")
    for pk, source, category in found.iterator(chunk_size=5_000):
        for group in (everything, sources.get(source), categories.get(category)):
            if group is not None:
                group.add(pk)
    return [everything, *sources.values(), *categories.values()]


def _largest(project: Project, column: str) -> list[str]:
    rows = Response.objects.filter(prompt__project=project).order_by()
    counts = rows.values_list(column).annotate(n=Count("pk")).order_by("-n", column)
    return [name for name, _ in counts[:MAX_GROUPS]]


def texts_of(group: Group) -> list[tuple[int, str]]:
    """(prompt, text) of the responses that were drawn, in order of id."""
    return [
        (prompt, text)
        for chunk in _chunks(sorted(group.chosen))
        for prompt, text in Response.objects.filter(pk__in=chunk)
        .order_by("pk")
        .values_list("prompt", "text")
    ]


def _chunks(numbers: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(numbers)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def is_right_to_left(text: str) -> bool:
    """Whether most of the first letters are written from right to left."""
    strong = (way for way in map(bidirectional, text[:4_000]) if way in ("L", "R", "AL"))
    letters = list(islice(strong, LETTERS))
    return sum(way != "L" for way in letters) * 2 > len(letters)
