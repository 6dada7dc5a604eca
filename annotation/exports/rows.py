"""The judgements of a project as a stream: what exports write and what snapshots freeze.

Only current answers are given: the newest revision of an assignment that is `answered`. Withdrawn
answers, `extra` ones that came after all slots were taken, and answers to gold, which measure
people and not models, are left out. Items come in order of their id and answers in order of theirs,
so equal data gives equal bytes.

Nothing here opens a transaction: whoever wants one consistent moment reads inside one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.utils.dateparse import parse_datetime

from annotation.aggregation.labels import MergedLabel, merge_labels
from annotation.aggregation.majority import agree
from annotation.aggregation.votes import merge_votes
from annotation.exports.filters import FilterInvalid, clean_filters
from annotation.exports.merging import Merging, merging_of
from annotation.models import (
    Annotation,
    Assignment,
    Flag,
    Item,
    ItemResponse,
    Project,
    Prompt,
    Response,
    Retest,
    Verdict,
)
from annotation.preferences import Preference
from annotation.pseudonyms import pseudonym
from annotation.task_types import TASK_TYPES
from annotation.task_types.contract import Demonstration, Unpaired

CHUNK = 500  # items in memory at once


@dataclass(frozen=True)
class JudgedItem:
    """An item with its responses in canonical order and its current answers, oldest first."""

    item: Item
    responses: list[Response]
    answers: list[Annotation]
    flags: list[Flag]
    retests: tuple[Annotation, ...] = ()
    """Answers of those who were asked again; part of no dataset but the raw one."""
    verdicts: list[Verdict] = field(default_factory=list)
    merging: Merging = Merging()

    @property
    def verdict(self) -> Verdict | None:
        """The one that decides; None where votes do."""
        if self.merging.labels != "verdict" or not self.verdicts:
            return None
        return None if self.verdicts[-1].kind == Verdict.Kind.UNDECIDED else self.verdicts[-1]

    @property
    def weighed(self) -> list[Annotation]:
        """The answers that weigh anything."""
        weight = self.merging.weight
        return [each for each in self.answers if weight(each.assignment.annotator_id) > 0]

    def merged_preferences(self) -> list[Preference]:
        """One preference a pair, as `merging` says."""
        task, count = TASK_TYPES[self.item.task_type], len(self.responses)
        if (verdict := self.verdict) is not None:
            return merge_votes(task.preferences(verdict.answer, count) if verdict.answer else ())
        said = [(a.assignment.annotator_id, self.preferences_of(a)) for a in self.answers]
        return self.merging.merge(self.item.pk, said)

    def merged_labels(self) -> list[MergedLabel]:
        """One label a response that was called good or bad by itself; always by majority, or by the
        verdict where `merging` says so."""
        task, count = TASK_TYPES[self.item.task_type], len(self.responses)
        if (verdict := self.verdict) is not None:
            said = task.unpaired(verdict.answer, count) if verdict.answer else []
            return merge_labels((label.response, label.is_good, 1.0) for label in said)
        return merge_labels(
            (label.response, label.is_good, self.merging.weight(answer.assignment.annotator_id))
            for answer in self.answers
            for label in self.unpaired_of(answer)
        )

    def agrees(self, share: float) -> bool:
        """Whether on every pair at least this share of the answers says the same."""
        return agree([self.preferences_of(answer) for answer in self.answers], share)

    def preferences_of(self, annotation: Annotation) -> list[Preference]:
        task = TASK_TYPES[self.item.task_type]
        return task.preferences(annotation.answer or {}, len(self.responses))

    def unpaired_of(self, annotation: Annotation) -> list[Unpaired]:
        task = TASK_TYPES[self.item.task_type]
        return task.unpaired(annotation.answer or {}, len(self.responses))

    def demonstrations_of(self, annotation: Annotation) -> list[Demonstration]:
        task = TASK_TYPES[self.item.task_type]
        return task.demonstrations(annotation.answer or {}, len(self.responses))

    def flags_by(self, annotator_id: int) -> list[str]:
        """Why this annotator flagged the item, if they did."""
        return sorted(f.reason for f in self.flags if f.annotator_id == annotator_id)


def judged_items(
    project: Project,
    *,
    split: str | None = None,
    filters: Mapping[str, Any] | None = None,
    with_retests: bool = False,
    merging: Merging | None = None,
) -> Iterator[JudgedItem]:
    """Every item with a current answer, at most CHUNK of them in memory.

    Raises FilterInvalid. `merging` is what the filters say of it, where somebody knows already.
    """
    chosen = clean_filters(filters or {})
    merging = merging or merging_of(project, chosen)
    is_chosen = _answer_filter(project, chosen)
    items = _items(project, split, chosen).prefetch_related(
        Prefetch(
            "item_responses",
            ItemResponse.objects.select_related("response__source").order_by("position"),
            to_attr="places",
        ),
        Prefetch("assignments", _answered(with_retests), to_attr="answered"),
        Prefetch("flags", to_attr="raised_flags"),
        Prefetch(
            "verdicts",
            Verdict.objects.select_related("guideline").order_by("id"),
            to_attr="given_verdicts",
        ),
    )
    for item in items.iterator(chunk_size=CHUNK):
        answers = [
            annotation
            for assignment in item.answered
            if (annotation := _current(assignment)) and is_chosen(annotation)
        ]
        if len(answers) < chosen.get("answers", 1):
            continue
        item.project = project  # the object at hand, so that nobody fetches it again
        responses = [place.response for place in item.places]
        answers.sort(key=lambda annotation: annotation.pk)
        judged = JudgedItem(
            item,
            responses,
            answers,
            item.raised_flags,
            _retests(item.answered) if with_retests else (),
            item.given_verdicts,
            merging,
        )
        if "agreement" not in chosen or judged.agrees(chosen["agreement"]):
            yield judged


def groups(
    project: Project,
    *,
    split: str | None = None,
    filters: Mapping[str, Any] | None = None,
    merging: Merging | None = None,
) -> Iterator[dict[str, Any]]:
    """One row an item, as ARCHITECTURE.md describes: the prompt, its responses, merged preferences.

    Items whose answers prefer nothing (both bad) give no group.
    """
    for judged in judged_items(project, split=split, filters=filters, merging=merging):
        if group := group_of(judged):
            yield group


def group_of(judged: JudgedItem) -> dict[str, Any] | None:
    """The item as one row, the votes on each pair merged; None where no answer prefers anything."""
    preferences = judged.merged_preferences()
    if not preferences:
        return None
    prompt = judged.item.prompt
    return {
        "group": judged.item.pk,
        "prompt_id": prompt.pk,
        "root": prompt.conversation_root,
        "split": prompt.split,
        "messages": prompt.messages,
        "responses": [response_of(response) for response in judged.responses],
        "preferences": preference_rows(preferences),
        "annotations": [annotation.pk for annotation in judged.weighed],
    }


def preference_rows(preferences: Iterable[Preference]) -> list[dict[str, Any]]:
    return [
        {"a": p.a, "b": p.b, "p": p.p, "strength": p.strength, "weight": p.weight}
        for p in preferences
    ]


def plain_messages(prompt: Prompt) -> list[dict[str, str]]:
    """The conversation with role and content alone."""
    return [{"role": message["role"], "content": message["content"]} for message in prompt.messages]


def response_of(response: Response) -> dict[str, Any]:
    """A response; one that a model wrote here with its token ids, which its text need not give."""
    row = {"id": response.pk, "text": response.text, "source": response.source.slug}
    if response.token_ids:
        row["token_ids"] = response.token_ids
    if response.is_truncated:
        row["is_truncated"] = True
    return row


def _items(project: Project, split: str | None, chosen: Mapping[str, Any]) -> QuerySet[Item]:
    items = Item.objects.filter(project=project, answer_count__gt=0, gold=None)
    if split is not None:
        if split not in Prompt.Split.values:
            raise FilterInvalid("split", f"must be train or test, not {split}")
        items = items.filter(prompt__split=split)
    if "rounds" in chosen:
        items = items.filter(round__in=chosen["rounds"])
    if "origins" in chosen:
        items = items.filter(origin__in=chosen["origins"])
    if "sources" in chosen:
        foreign = ItemResponse.objects.filter(item=OuterRef("pk")).exclude(
            response__source__slug__in=chosen["sources"]
        )
        items = items.filter(~Exists(foreign))
    if "batches" in chosen:
        items = items.filter(named_batch__name__in=chosen["batches"])
    return items.select_related("prompt", "named_batch").order_by("id")


def _answer_filter(project: Project, chosen: Mapping[str, Any]) -> Callable[[Annotation], bool]:
    """Which answers the filters leave."""
    since = parse_datetime(chosen["since"]) if "since" in chosen else None
    names, versions = chosen.get("annotators"), chosen.get("guidelines")
    known: dict[int, bool] = {}  # whose answers are left

    def is_chosen(annotation: Annotation) -> bool:
        if since and annotation.created < since:
            return False
        if versions is not None:
            version = annotation.guideline.version if annotation.guideline else 0
            if version not in versions:
                return False
        if names is None:
            return True
        person = annotation.assignment.annotator_id
        if person not in known:
            known[person] = pseudonym(project, person) in names
        return known[person]

    return is_chosen


def _answered(with_retests: bool) -> QuerySet[Assignment]:
    answered = (
        Assignment.objects.filter(status=Assignment.Status.ANSWERED)
        .order_by("id")
        .prefetch_related(
            Prefetch(
                "annotations",
                Annotation.objects.select_related("guideline").order_by("revision"),
                to_attr="revisions",
            )
        )
    )
    if not with_retests:
        return answered
    return answered.prefetch_related(
        Prefetch("retest", Retest.objects.exclude(item=None)),
        Prefetch("retest__item__assignments", to_attr="turns"),
        Prefetch(
            "retest__item__turns__annotations",
            Annotation.objects.select_related("guideline").order_by("revision"),
            to_attr="said_again",
        ),
    )


def _retests(answered: Iterable[Assignment]) -> tuple[Annotation, ...]:
    """What those who answered said when the item came back to them."""
    turns = [
        turn
        for assignment in answered
        if (retest := getattr(assignment, "retest", None)) is not None
        for turn in retest.item.turns
        if turn.status == Assignment.Status.ANSWERED
    ]
    said = (_newest(turn, turn.said_again) for turn in turns)
    return tuple(annotation for annotation in said if annotation is not None)


def _current(assignment: Assignment) -> Annotation | None:
    """The newest revision, if it is an answer."""
    return _newest(assignment, assignment.revisions)  # type: ignore[attr-defined]  # prefetched


def _newest(assignment: Assignment, revisions: list[Annotation]) -> Annotation | None:
    if not revisions or revisions[-1].kind != Annotation.Kind.ANSWER:
        return None
    revisions[-1].assignment = assignment  # what was fetched already, with its display order
    return revisions[-1]
