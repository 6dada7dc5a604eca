"""What the page of a project's prompts and their categories shows."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet, TextField
from django.db.models.functions import Cast

from annotation.models import Project, Prompt

PROMPTS_A_PAGE = 50
WITHOUT = "-"  # the choice of prompts that have no category


@dataclass(frozen=True)
class CategoryLine:
    """A category with its prompts and its target share, None where it has none."""

    name: str
    prompts: int
    target: float | None
    is_warned_of: bool

    @property
    def percent(self) -> str:
        return "" if self.target is None else f"{100 * self.target:.6g}"


def categories_of(project: Project) -> list[CategoryLine]:
    """Every category that has prompts or a target, or is warned of, by name."""
    rows = project.prompts.exclude(category="").order_by().values_list("category")
    counts: dict[str, int] = dict(rows.annotate(n=Count("id")))
    targets = dict(project.category_targets.values_list("category", "share"))
    warned = set(project.harm_categories)
    names = sorted(counts.keys() | targets.keys() | warned, key=lambda name: (name.lower(), name))
    return [
        CategoryLine(name, counts.get(name, 0), targets.get(name), name in warned) for name in names
    ]


def matching(project: Project, category: str = "", text: str = "") -> QuerySet[Prompt]:
    """The project's prompts of a category (WITHOUT: of none, "": of any) that hold a text."""
    rows = Prompt.objects.filter(project=project).order_by("-id")
    if category:
        rows = rows.filter(category="" if category == WITHOUT else category)
    if text:
        # SQLite keeps JSON with escapes, PostgreSQL without.
        escaped = json.dumps(text)[1:-1]
        written = rows.annotate(written=Cast("messages", TextField()))
        found = written.filter(Q(written__icontains=text) | Q(written__icontains=escaped))
        rows = rows.filter(pk__in=found.order_by().values("pk"))
    return rows


def prompts_page(rows: QuerySet[Prompt], page: str | None) -> Page[Any]:
    """One page of the prompts, each with the number of its responses as `written`."""
    return Paginator(rows.annotate(written=Count("responses")), PROMPTS_A_PAGE).get_page(page)
