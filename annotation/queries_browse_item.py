"""The data browser beside its list: one item, what filters offer, what a change would do."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import Http404
from django.utils.safestring import SafeString

from annotation.models import Annotation, Assignment, Flag, Item, Project, Verdict
from annotation.queries_adjudication import verdict_in_words
from annotation.queries_browse import disagreements_of
from annotation.queries_people import in_words
from annotation.rendering import render
from annotation.services.bulk import CAN_RETIRE, reopenable
from annotation.task_types import TASK_TYPES

MAX_CHOICES = 500


@dataclass(frozen=True)
class Revision:
    """One thing that somebody said; `words` are empty where it takes an answer back."""

    number: int
    words: str
    rationale: str
    seconds: float | None
    guideline: int | None
    created: datetime


@dataclass(frozen=True)
class Turn:
    """One person's turn, its newest revision first; without any where nothing was said."""

    by: str
    status: str
    skip_reason: str
    shown_as: str
    """Which canonical response stood where on their screen, as letters."""
    revisions: list[Revision]


@dataclass(frozen=True)
class ShownSource:
    letter: str
    source: str
    html: SafeString
    is_truncated: bool


@dataclass(frozen=True)
class ItemPage:
    """Everything that is known here of one item; responses in canonical order."""

    item: Item
    task: str
    messages: list[tuple[str, SafeString]]
    responses: list[ShownSource]
    turns: list[Turn]
    flags: list[Flag]
    verdicts: list[tuple[str, Verdict]]
    disagreement: float | None


def item_page(project: Project, pk: int) -> ItemPage:
    """One item; Http404 if it is not this project's."""
    found = project.items.select_related("prompt__batch", "batch", "named_batch")
    item = found.filter(pk=pk).first()
    if item is None:
        raise Http404("No such item.")
    item.project = project
    places = list(item.item_responses.select_related("response__source").order_by("position"))
    order = list(range(len(places)))
    markdown = project.render_markdown
    verdicts = item.verdicts.select_related("reviewer").order_by("-id")
    return ItemPage(
        item=item,
        task=TASK_TYPES[item.task_type].LABEL,
        messages=[
            (each["role"], render(each["content"], markdown=markdown))
            for each in item.prompt.messages
        ],
        responses=[
            ShownSource(
                letter=_letter(place),
                source=link.response.source.label,
                html=render(link.response.text, markdown=markdown),
                is_truncated=link.response.is_truncated,
            )
            for place, link in enumerate(places)
        ],
        turns=_turns(item, order),
        flags=list(item.flags.select_related("annotator")),
        verdicts=[(verdict_in_words(item, each, order), each) for each in verdicts],
        disagreement=disagreements_of([pk]).get(pk),
    )


def _turns(item: Item, order: list[int]) -> list[Turn]:
    revisions: defaultdict[int, list[Revision]] = defaultdict(list)
    said = Annotation.objects.filter(assignment__item=item).select_related("guideline")
    for each in said.order_by("-revision"):
        revisions[each.assignment_id].append(
            Revision(
                number=each.revision,
                words="" if each.answer is None else in_words(item, each.answer, order),
                rationale=each.rationale,
                seconds=each.seconds,
                guideline=each.guideline.version if each.guideline else None,
                created=each.created,
            )
        )
    turns = Assignment.objects.filter(item=item).select_related("annotator").order_by("id")
    return [
        Turn(
            by=turn.annotator.get_username(),
            status=turn.status,
            skip_reason=turn.skip_reason,
            shown_as=" ".join(_letter(place) for place in turn.display_order),
            revisions=revisions[turn.pk],
        )
        for turn in turns
    ]


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def filter_choices(project: Project) -> dict[str, Any]:
    """What the filters offer, by name: (value, label) of each."""
    people = User.objects.filter(
        pk__in=Assignment.objects.filter(
            item__project=project, status=Assignment.Status.ANSWERED
        ).values("annotator")
    )
    imports = project.import_batches.values_list("pk", "file_name")[:MAX_CHOICES]
    return {
        "source": list(project.sources.values_list("slug", "label")),
        "by": [
            (str(pk), name)
            for pk, name in people.order_by("username").values_list("pk", "username")
        ],
        "batch": [
            ("0", "None"),
            *((str(pk), name) for pk, name in project.batches.values_list("pk", "name")),
        ],
        "import": [(str(pk), name) for pk, name in imports],
    }


@dataclass(frozen=True)
class BulkPlan:
    """What a change would do: of `chosen` items, `changed` are; `held` of these are on somebody's
    screen now; `gold` and those that a verdict decides stay."""

    chosen: int
    changed: int
    held: int
    gold: int


def bulk_plan(project: Project, items: list[int], action: str) -> BulkPlan:
    """Counted, not done."""
    mine = (
        project.items.filter(status__in=CAN_RETIRE) if action == "retire" else reopenable(project)
    )
    chosen = set(items)
    changed = [pk for pk in mine.values_list("pk", flat=True) if pk in chosen]
    held = Assignment.objects.filter(
        item__project=project, status=Assignment.Status.LEASED
    ).values_list("item", flat=True)
    gold = project.items.exclude(gold=None).values_list("pk", flat=True)
    return BulkPlan(
        chosen=len(chosen),
        changed=len(changed),
        held=len(set(held).intersection(changed)),
        gold=len(chosen.intersection(gold)),
    )
