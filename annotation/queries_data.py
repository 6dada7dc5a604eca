"""What the pages of a project's imports and exports show, and what the API lists."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import Http404

from annotation.exports import EXPORTS
from annotation.imports import COMPARISON_FORMATS
from annotation.models import (
    Annotation,
    Export,
    ImportBatch,
    ImportRejection,
    Item,
    ItemResponse,
    Project,
)
from annotation.pseudonyms import pseudonym
from annotation.queries_batches import batch_choices

SHOWN_JOBS = 100
REJECTIONS_A_PAGE = 100

IMPORT_LABELS = {"prompts": "Prompts"} | {
    slug: f"Judgements: {fmt.LABEL}" for slug, fmt in COMPARISON_FORMATS.items()
}
LIVE = ("queued", "running")


@dataclass(frozen=True)
class ImportLine:
    batch: ImportBatch
    label: str

    @property
    def is_live(self) -> bool:
        return self.batch.status in LIVE

    @property
    def taken_count(self) -> int:
        return self.batch.line_count - self.batch.known_count - self.batch.rejected_count


def imports_page(project: Project) -> list[ImportLine]:
    """The project's imports, newest first."""
    batches = project.import_batches.select_related("created_by")[:SHOWN_JOBS]
    return [_import_line(batch) for batch in batches]


def import_line(project: Project, pk: int) -> ImportLine:
    """One import; Http404 if it is not this project's."""
    batch = project.import_batches.select_related("created_by").filter(pk=pk).first()
    if batch is None:
        raise Http404("No such import.")
    return _import_line(batch)


def rejections(line: ImportLine, page: str | None) -> Page[ImportRejection]:
    """The lines that were not taken, with the reasons; any page that is asked for is one."""
    pages = Paginator(line.batch.rejections.all(), REJECTIONS_A_PAGE)
    return pages.get_page(page)


def _import_line(batch: ImportBatch) -> ImportLine:
    return ImportLine(batch, IMPORT_LABELS.get(batch.format, batch.format))


@dataclass(frozen=True)
class ExportLine:
    export: Export
    label: str

    @property
    def is_live(self) -> bool:
        return self.export.status in LIVE


@dataclass(frozen=True)
class ExportsPage:
    lines: list[ExportLine]

    @property
    def is_live(self) -> bool:
        return any(line.is_live for line in self.lines)


def exports_page(project: Project) -> ExportsPage:
    """The project's exports, newest first."""
    exports = project.exports.select_related("created_by")[:SHOWN_JOBS]
    return ExportsPage(
        [
            ExportLine(e, EXPORTS[e.format].LABEL if e.format in EXPORTS else e.format)
            for e in exports
        ]
    )


def find_export(project: Project, pk: int) -> Export:
    """One export with its project; Http404 if it is not this project's."""
    export = project.exports.select_related("project").filter(pk=pk).first()
    if export is None:
        raise Http404("No such export.")
    return export


@dataclass(frozen=True)
class FilterChoices:
    """What a dataset of the project can be chosen by, (value, in words) where they differ."""

    rounds: list[int]
    origins: list[str]
    sources: list[tuple[str, str]]
    batches: list[str]
    guidelines: list[tuple[int, str]]
    annotators: list[tuple[str, str]]


def filter_choices(project: Project) -> FilterChoices:
    """What its judged items and their answers have."""
    judged = project.items.filter(answer_count__gt=0, gold=None)
    people = project.tallies.filter(answered__gt=0).order_by("annotator__username")
    versions = project.guidelines.order_by("version").values_list("version", flat=True)
    return FilterChoices(
        rounds=list(judged.order_by("round").values_list("round", flat=True).distinct()),
        origins=list(judged.order_by("origin").values_list("origin", flat=True).distinct()),
        sources=list(project.sources.order_by("label").values_list("slug", "label")),
        batches=batch_choices(project),
        guidelines=[(number, f"Version {number}") for number in versions],
        annotators=[
            (pseudonym(project, pk), name)
            for pk, name in people.values_list("annotator", "annotator__username")
        ],
    )


# --- for the API ----------------------------------------------------------------------------------


def projects_of(user: User) -> QuerySet[Project]:
    return Project.objects.visible_to(user)


def items_with_responses(project: Project) -> QuerySet[Item]:
    """Items with what is asked about, in three queries a page."""
    places = ItemResponse.objects.select_related("response__source").order_by("position")
    items = project.items.exclude(status=Item.Status.RETEST).select_related("named_batch")
    return items.prefetch_related(Prefetch("item_responses", places))


def item_by_key(project: Project, key: str) -> Item:
    return items_with_responses(project).get(key=key)


def annotations_of(project: Project) -> QuerySet[Annotation]:
    """Every revision, each with the number of the newest one of its assignment as `newest`.

    Answers to gold and to retests are left out, as in every dataset.
    """
    later = Annotation.objects.filter(assignment=OuterRef("assignment")).order_by("-revision")
    return (
        Annotation.objects.filter(assignment__item__project=project, assignment__item__gold=None)
        .exclude(assignment__item__status=Item.Status.RETEST)
        .select_related("assignment__item__project", "guideline")
        .annotate(newest=Subquery(later.values("revision")[:1]))
    )
