"""What the coverage page shows, and the same figures as rows for a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Q, Sum
from django.http import Http404

from annotation.csv_text import Row, written
from annotation.models import DiversityReport, Item, Project, Response

NO_CATEGORY = "(none)"


@dataclass(frozen=True)
class CategoryLine:
    """A category in numbers; items without gold and what is retired."""

    name: str
    prompts: int = 0
    items: int = 0
    open: int = 0
    answers: int = 0
    hard: int = 0  # items whose responses were chosen as hard negatives
    all_items: int = 0
    target: float | None = None

    @property
    def share(self) -> float | None:
        return self.items / self.all_items if self.all_items else None

    @property
    def hard_share(self) -> float | None:
        return self.hard / self.items if self.items else None

    @property
    def bar(self) -> float:
        return 100 * (self.share or 0.0)

    @property
    def mark(self) -> float | None:
        return None if self.target is None else 100 * self.target


@dataclass(frozen=True)
class SourceLine:
    """A source's responses, in all and per category in the order of the page's categories."""

    name: str
    responses: int
    by_category: list[int]


@dataclass(frozen=True)
class CoveragePage:
    categories: list[CategoryLine]
    sources: list[SourceLine]
    report: DiversityReport | None

    @property
    def has_targets(self) -> bool:
        return any(line.target is not None for line in self.categories)

    @property
    def is_live(self) -> bool:
        return self.report is not None and self.report.status in ("queued", "running")

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The measured groups, those without a single response left out."""
        found = self.report.figures.get("groups", []) if self.report else []
        return [group for group in found if group["n"]]


def coverage_page(project: Project) -> CoveragePage:
    """Counts of now, and the diversity that was measured last."""
    categories = _categories(project)
    return CoveragePage(
        categories=categories,
        sources=_sources(project, [line.name for line in categories]),
        report=DiversityReport.objects.filter(project=project).first(),
    )


def _categories(project: Project) -> list[CategoryLine]:
    prompts = dict(project.prompts.order_by().values_list("category").annotate(n=Count("id")))
    targets = dict(project.category_targets.values_list("category", "share"))
    rows = (
        project.items.filter(gold=None)
        .exclude(status__in=(Item.Status.RETIRED, Item.Status.RETEST))
        .order_by()
        .values(name=F("prompt__category"))
        .annotate(
            items=Count("id"),
            open=Count("id", filter=Q(status=Item.Status.OPEN)),
            answers=Sum("answer_count"),
            hard=Count("id", filter=Q(arm="hard_negatives")),
        )
    )
    counts: dict[str, dict[str, Any]] = {row["name"]: dict(row) for row in rows}
    everything = sum(row["items"] for row in counts.values())
    names = sorted(prompts.keys() | targets.keys() | counts.keys(), key=lambda n: (not n, n))
    return [
        CategoryLine(
            prompts=prompts.get(name, 0),
            all_items=everything,
            target=targets.get(name),
            **counts.get(name, {"name": name}),
        )
        for name in names
    ]


def _sources(project: Project, categories: list[str]) -> list[SourceLine]:
    rows = (
        Response.objects.filter(prompt__project=project)
        .order_by()
        .values_list("source__slug", "prompt__category")
        .annotate(n=Count("id"))
    )
    counts: dict[str, dict[str, int]] = {}
    for source, category, n in rows:
        counts.setdefault(source, {})[category] = n
    lines = [
        SourceLine(name, sum(found.values()), [found.get(c, 0) for c in categories])
        for name, found in counts.items()
    ]
    return sorted(lines, key=lambda line: (-line.responses, line.name))


# --- as files -------------------------------------------------------------------------------------


def csv_of(project: Project, table: str) -> str:
    """A table of the page as CSV; Http404 where there is no such table."""
    page = coverage_page(project)
    tables = {"categories": _category_rows, "sources": _source_rows, "diversity": _diversity_rows}
    if table not in tables:
        raise Http404("There is no such table.")
    return written(tables[table](page))


def _category_rows(page: CoveragePage) -> Iterable[Row]:
    yield [
        *("category", "prompts", "items", "open_items", "answers", "share", "target_share"),
        *("hard_negatives", "hard_negative_share"),
    ]
    for line in page.categories:
        yield [
            *(line.name or NO_CATEGORY, line.prompts, line.items, line.open, line.answers),
            *(line.share, line.target, line.hard, line.hard_share),
        ]


def _source_rows(page: CoveragePage) -> Iterable[Row]:
    yield ["source", "category", "responses"]
    for source in page.sources:
        for category, responses in zip(page.categories, source.by_category, strict=True):
            yield [source.name, category.name or NO_CATEGORY, responses]


def _diversity_rows(page: CoveragePage) -> Iterable[Row]:
    yield [
        *("group", "name", "responses", "sampled", "words", "distinct_1", "distinct_2"),
        *("mean_words", "mean_low", "mean_high", "equal", "near", "right_to_left", "measured"),
    ]
    measured = page.report.measured.isoformat() if page.report and page.report.measured else ""
    for group in page.groups:
        low, high = group["mean_interval"] or (None, None)
        name = group["name"] or ("" if group["kind"] == "all" else NO_CATEGORY)
        yield [
            *(group["kind"], name, group["responses"], group["n"], group["words"]),
            *(group["distinct_1"], group["distinct_2"], group["mean_words"], low, high),
            *(group["equal"], group["near"], group["right_to_left"], measured),
        ]
