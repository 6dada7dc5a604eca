"""What researchers see of gold: the items, how people do on them, what could become gold."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.safestring import SafeString

from annotation.aggregation.gold import GoldAgreement
from annotation.models import Annotation, Assignment, Flag, Gold, Item, Project
from annotation.queries import ItemCard, answer_config, item_card
from annotation.queries_people import in_words
from annotation.rendering import render
from annotation.services.gold import agrees
from annotation.task_types import TASK_TYPES
from annotation.task_types.contract import BaseAnswerForm

SHOWN_CANDIDATES = 20
BAD_BELOW = 0.5  # gold that surely most people miss is looked at again


@dataclass(frozen=True)
class GoldLine:
    id: int
    item_id: int
    kind: str
    prompt: str
    answer: str
    reason: SafeString
    agreement: GoldAgreement
    retired: datetime | None
    author: str
    flags: tuple[str, ...] = ()

    @property
    def is_bad(self) -> bool:
        """Most people miss it, surely: then the answer, more likely than they, is wrong."""
        return self.retired is None and self.agreement.is_surely_below(BAD_BELOW)

    @property
    def is_doubtful(self) -> bool:
        """Most people miss it, or somebody flagged it."""
        return self.is_bad or (self.retired is None and bool(self.flags))


@dataclass(frozen=True)
class Candidate:
    """An item that could become gold; `agreeing` of its `answers` carry the same label."""

    item_id: int
    prompt: str
    answers: int
    agreeing: int


@dataclass(frozen=True)
class GoldPage:
    lines: list[GoldLine]
    candidates: list[Candidate]

    @property
    def training(self) -> int:
        return sum(line.kind == "training" and line.retired is None for line in self.lines)

    @property
    def hidden(self) -> int:
        return sum(line.kind == "hidden" and line.retired is None for line in self.lines)


def gold_page(project: Project) -> GoldPage:
    """The project's gold, what is doubtful first and retired last; and candidates."""
    return GoldPage(lines=gold_lines(project), candidates=_candidates(project))


def gold_lines(project: Project) -> list[GoldLine]:
    """The project's gold, what is doubtful first and retired last, in a few queries."""
    golds = (
        Gold.objects.filter(item__project=project)
        .select_related("item__project", "item__prompt", "created_by")
        .annotate(responses=Count("item__item_responses"))
    )
    said: defaultdict[int, list[bool]] = defaultdict(list)
    for annotation in _current().filter(assignment__item__gold__in=golds):
        if annotation.assignment.annotator_id != annotation.assignment.item.gold.created_by_id:
            said[annotation.assignment.item_id].append(agrees(annotation))
    flags: defaultdict[int, list[str]] = defaultdict(list)
    for item_id, reason in Flag.objects.filter(item__gold__in=golds, resolved=None).values_list(
        "item_id", "reason"
    ):
        flags[item_id].append(reason)
    lines = [
        GoldLine(
            id=gold.pk,
            item_id=gold.item_id,
            kind=gold.kind,
            prompt=str(gold.item.prompt),
            answer=in_words(gold.item, gold.answer, range(gold.responses)),
            reason=render(gold.reason),
            agreement=GoldAgreement(sum(said[gold.item_id]), len(said[gold.item_id])),
            retired=gold.retired,
            author=gold.created_by.get_username() if gold.created_by else "",
            flags=tuple(flags[gold.item_id]),
        )
        for gold in golds
    ]
    lines.sort(
        key=lambda line: (line.retired is not None, not line.is_doubtful, line.kind, line.id)
    )
    return lines


def _current() -> QuerySet[Annotation]:
    said = Annotation.objects.current().select_related("assignment__item__gold")
    return said.defer("rationale")


def _candidates(project: Project) -> list[Candidate]:
    """Those with the most answers first: where people agree, a researcher decides fast."""
    items = project.items.filter(
        gold=None, status__in=[Item.Status.OPEN, Item.Status.COMPLETE]
    ).select_related("prompt")
    chosen = list(items.order_by("-answer_count", "id")[:SHOWN_CANDIDATES])
    labels: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for annotation in _current().filter(assignment__item__in=chosen):
        item = annotation.assignment.item
        label = TASK_TYPES[item.task_type].agreement_label(annotation.answer or {})
        labels[item.pk][label] += 1
    return [
        Candidate(
            item_id=item.pk,
            prompt=str(item.prompt),
            answers=labels[item.pk].total(),
            agreeing=max(labels[item.pk].values(), default=0),
        )
        for item in chosen
    ]


def find_item(project: Project, pk: int) -> Item:
    item = project.items.select_related("project", "prompt").filter(pk=pk).first()
    if item is None:
        raise Http404("No such item.")
    return item


def find_gold(project: Project, pk: int) -> Gold:
    gold = Gold.objects.filter(item__project=project, pk=pk).select_related("item").first()
    if gold is None:
        raise Http404("No such gold item.")
    return gold


def gold_form(item: Item, data: Mapping[str, Any] | None = None) -> BaseAnswerForm:
    """The item's own form, in canonical order, with a reason that has to be given."""
    return TASK_TYPES[item.task_type].AnswerForm(
        data, config=_with_reason(item), responses=item.item_responses.count()
    )


def gold_card(item: Item) -> ItemCard:
    """The item as the researcher answers it: all of it at once, and without a warning."""
    order = list(range(item.item_responses.count()))
    turn = Assignment(key=uuid.uuid4(), item=item, display_order=order, lease_until=timezone.now())
    return replace(item_card(turn), config=_with_reason(item), form=gold_form(item), warning="")


def _with_reason(item: Item) -> dict[str, Any]:
    return answer_config(item) | {"rationale": "required", "read_first": False}
