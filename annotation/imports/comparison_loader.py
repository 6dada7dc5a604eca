"""Puts votes from elsewhere into the database, in bulk; each item is complete with what it has.

The rows of a vote are written here and not through `services.record_imported_answer`, which is
right for a few: fifty thousand votes would be a million statements. What both must hold is the
same: every imported vote has its slot, and an item wants exactly as many answers as it has.

A vote is known where its item is, in whatever order and format the file gives it. Where the file
names its annotators, it is known where that annotator has had a turn at the item.
"""

from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.db.models import F, Q
from django.utils import timezone

from annotation.imports import COMPARISON_FORMATS
from annotation.imports.comparison import Comparison, ImportedVerdict, Origin
from annotation.imports.files import LineInvalid, Record
from annotation.imports.prompt_loader import add_prompts
from annotation.imports.stops import ImportStopped
from annotation.models import (
    Annotation,
    Assignment,
    Batch,
    Flag,
    ImportBatch,
    Item,
    ItemResponse,
    Response,
    Source,
    Verdict,
    text_hash,
)
from annotation.pseudonyms import pseudonym
from annotation.services.batches import get_or_add_batch
from annotation.services.content import get_or_add_source, imported_annotator
from annotation.task_types import TASK_TYPES, Answer, AnswerInvalid
from annotation.task_types.contract import KeepsDiff

MAX_ANNOTATORS = 5000  # in one file: each becomes a user
MAX_ANSWERS = 1000  # of one item
MAX_RANKED = 26  # elsewhere people may have ranked more than our screen asks about

ResponseKey = tuple[int, int, str]  # prompt, source, text hash


class ComparisonLoader:
    """Lines that hold what people said elsewhere about responses."""

    def __init__(self, job: ImportBatch) -> None:
        self.job, self.project = job, job.project
        self.read = COMPARISON_FORMATS[job.format].comparisons
        self.sources: dict[str, Source] = {}
        self.annotators: dict[str, User] = {}
        self.pseudonyms: dict[int, str] = {}

    def forget(self) -> None:
        """What was added by a transaction that did not come through is not there."""
        self.sources.clear()
        self.annotators.clear()

    def parse(self, record: Record) -> list[Comparison]:
        return [self._checked(comparison) for comparison in self.read(record)]

    def _checked(self, comparison: Comparison) -> Comparison:
        """With its answer in the normal form; LineInvalid where the task type takes none such."""
        kind = TASK_TYPES[comparison.task_type]
        count = len(comparison.responses)
        most = MAX_RANKED if comparison.task_type == "ranking" else kind.MAX_RESPONSES
        if not kind.MIN_RESPONSES <= count <= most:
            raise LineInvalid(f"{kind.LABEL}: this cannot be asked about {count} responses.")
        if len({text.strip() for text, _ in comparison.responses}) < count:
            raise LineInvalid("Two of the responses read the same.")
        # A vote of our own was given under settings, and is shown under those of this project.
        config = self.project.task_config if comparison.asked.item is not None else {}
        try:
            answer = kind.check(comparison.answer, count, config)
        except AnswerInvalid as refusal:
            raise LineInvalid(refusal.message) from None
        if isinstance(kind, KeepsDiff):
            answer = kind.with_diff(answer, [text for text, _ in comparison.responses])
        verdicts = tuple(
            each if each.answer is None else replace(each, answer=self._answer_of(comparison, each))
            for each in comparison.asked.verdicts
        )
        return replace(
            comparison, answer=answer, asked=replace(comparison.asked, verdicts=verdicts)
        )

    def _answer_of(self, comparison: Comparison, verdict: ImportedVerdict) -> Answer:
        """The verdict's answer, checked as the comparison's own is."""
        kind = TASK_TYPES[comparison.task_type]
        try:
            answer = kind.check(
                verdict.answer or {}, len(comparison.responses), self.project.task_config
            )
        except AnswerInvalid as refusal:
            raise LineInvalid(f"A verdict: {refusal.message}") from None
        if isinstance(kind, KeepsDiff):
            answer = kind.with_diff(answer, [text for text, _ in comparison.responses])
        return answer

    def store(self, lines: list[list[Comparison]]) -> dict[str, int]:
        """Add what is new of these lines; what was added, and how many lines held nothing new."""
        there = self._items([comparison for line in lines for comparison in line])
        heard = self._annotators_heard(set(there.values()))
        new: dict[str, dict[str, Comparison]] = {}  # by key and annotator
        new_lines = set()
        for index, line in enumerate(lines):
            for comparison in line:
                key, annotator = comparison.key, comparison.vote.annotator
                if key in there:
                    is_known = not annotator or (there[key], annotator) in heard
                else:
                    is_known = key in new and not annotator
                if not is_known and annotator not in new.setdefault(key, {}):
                    new[key][annotator] = comparison
                    new_lines.add(index)
        votes = {key: list(said.values()) for key, said in new.items() if said}
        fresh = {key: said for key, said in votes.items() if key not in there}
        prompt_count, response_count, items = self._add_items(fresh)
        slots = dict.fromkeys(items.values(), 0) | self._widen(
            {there[key]: len(said) for key, said in votes.items() if key in there}
        )
        items |= there
        self._add_votes(
            [
                (items[key], slots[items[key]] + number, comparison)
                for key, said in votes.items()
                for number, comparison in enumerate(said)
            ]
        )
        self._add_verdicts(
            {
                items[comparison.key]: comparison.asked.verdicts
                for line in lines
                for comparison in line
                if comparison.asked.verdicts
            }
        )
        return {
            "prompt_count": prompt_count,
            "response_count": response_count,
            "item_count": len(fresh),
            "annotation_count": sum(map(len, votes.values())),
            "known_count": sum(map(bool, lines)) - len(new_lines),  # not what was passed over
        }

    # --- what is there --------------------------------------------------------------------------

    def _items(self, comparisons: list[Comparison]) -> dict[str, int]:
        """{key: item} of those that the project has; its own export is known by ids and content."""
        keys = {comparison.key for comparison in comparisons}
        rows = Item.objects.filter(project=self.project, key__in=keys)
        there = dict(rows.values_list("key", "pk"))
        own = {
            comparison.asked.item: comparison
            for comparison in comparisons
            if comparison.asked.item is not None and comparison.key not in there
        }
        if own:
            items = Item.objects.filter(project=self.project, pk__in=own).select_related("prompt")
            for item in items.prefetch_related("item_responses__response__source"):
                if _is_about_the_same(item, own[item.pk]):
                    there[own[item.pk].key] = item.pk
        return there

    def _annotators_heard(self, items: set[int]) -> set[tuple[int, str]]:
        """(item, name) of everybody who had a turn there: as a file names them, and as ours do."""
        prefix = f"imported_{self.job.format}_"
        heard = set()
        turns = Assignment.objects.filter(item_id__in=items)
        for item_id, user_id, username in turns.values_list(
            "item_id", "annotator_id", "annotator__username"
        ):
            if user_id not in self.pseudonyms:
                self.pseudonyms[user_id] = pseudonym(self.project, user_id)
            heard.add((item_id, self.pseudonyms[user_id]))
            if username.startswith(prefix):
                heard.add((item_id, username.removeprefix(prefix)))
        return heard

    # --- what is new ----------------------------------------------------------------------------

    def _add_items(self, votes: dict[str, list[Comparison]]) -> tuple[int, int, dict[str, int]]:
        """How many prompts and responses are new, and {key: item} of the new items."""
        first = {key: said[0] for key, said in votes.items()}
        prompt_ids, prompts_created = add_prompts(self.job, [c.prompt for c in first.values()])
        wanted = {
            key: [
                Response(
                    prompt_id=prompt_ids[comparison.prompt.content_hash],
                    source=self._source(origin),
                    text=text,
                    text_hash=text_hash(text),
                    is_truncated=place in comparison.truncated,
                )
                for place, (text, origin) in enumerate(comparison.responses)
            ]
            for key, comparison in first.items()
        }
        responses, responses_created = self._add_responses(
            [response for asked in wanted.values() for response in asked]
        )
        named = {comparison.asked.batch for comparison in first.values()} - {""}
        batches = {name: get_or_add_batch(self.project, name) for name in sorted(named)}
        items = Item.objects.bulk_create(
            Item(
                project=self.project,
                prompt_id=prompt_ids[comparison.prompt.content_hash],
                key=key,
                task_type=comparison.task_type,
                status=Item.Status.COMPLETE,
                answers_wanted=_bounded(len(votes[key])),
                open_slots=0,
                answer_count=len(votes[key]),
                round=comparison.asked.round,
                origin=comparison.asked.origin,
                arm=comparison.asked.arm,
                batch=self.job,
                **_belonging(batches.get(comparison.asked.batch)),
            )
            for key, comparison in first.items()
        )
        ItemResponse.objects.bulk_create(
            ItemResponse(item=item, response_id=responses[_identity(response)], position=position)
            for item, asked in zip(items, wanted.values(), strict=True)
            for position, response in enumerate(asked)
        )
        return prompts_created, responses_created, {item.key: item.pk for item in items}

    def _add_responses(self, wanted: list[Response]) -> tuple[dict[ResponseKey, int], int]:
        """{(prompt, source, text hash): response}, and how many are new."""
        rows = Response.objects.filter(prompt_id__in={response.prompt_id for response in wanted})
        columns = rows.values_list("pk", "prompt_id", "source_id", "text_hash")
        found = {(prompt, source, digest): pk for pk, prompt, source, digest in columns}
        missing: dict[ResponseKey, Response] = {}
        for response in wanted:
            if _identity(response) not in found:
                missing.setdefault(_identity(response), response)
        created = Response.objects.bulk_create(missing.values())
        return found | {_identity(response): response.pk for response in created}, len(created)

    def _widen(self, more: dict[int, int]) -> dict[int, int]:
        """Let items want more answers, all given at once; {item: the first of the new slots}."""
        slots = {}
        locked = Item.objects.select_for_update().filter(pk__in=more).order_by("pk")
        for item in locked:
            slots[item.pk] = item.answers_wanted
            Item.objects.filter(pk=item.pk).update(
                answers_wanted=_bounded(item.answers_wanted + more[item.pk]),
                answer_count=F("answer_count") + more[item.pk],
            )
        return slots

    def _add_votes(self, said: list[tuple[int, int, Comparison]]) -> None:
        """Store (item, slot, comparison)."""
        now = timezone.now()
        assignments = Assignment.objects.bulk_create(
            Assignment(
                item_id=item_id,
                annotator=self._annotator(comparison.vote.annotator),
                slot=slot,
                status=Assignment.Status.ANSWERED,
                display_seed=0,
                display_order=list(comparison.vote.display_order)
                or list(range(len(comparison.responses))),
                active_seconds=comparison.vote.seconds or 0.0,
                lease_until=now,
            )
            for item_id, slot, comparison in said
        )
        Annotation.objects.bulk_create(
            Annotation(
                assignment=assignment,
                revision=comparison.vote.revision,
                answer=comparison.answer,
                rationale=comparison.vote.rationale,
                seconds=comparison.vote.seconds,
                submit_key="imported",
                created=comparison.vote.created or now,
            )
            for assignment, (_, _, comparison) in zip(assignments, said, strict=True)
        )
        Flag.objects.bulk_create(
            Flag(item_id=item_id, annotator_id=assignment.annotator_id, reason=reason)
            for assignment, (item_id, _, comparison) in zip(assignments, said, strict=True)
            for reason in comparison.vote.flags
        )

    def _add_verdicts(self, given: dict[int, tuple[ImportedVerdict, ...]]) -> None:
        """Add the verdicts of items that have none; what was decided here holds here."""
        if not given:
            return
        decided = set(
            Item.objects.filter(pk__in=given)
            .filter(Q(verdicts__isnull=False) | Q(gold__isnull=False))
            .values_list("pk", flat=True)
        )
        new = {item_id: said for item_id, said in given.items() if item_id not in decided}
        now = timezone.now()
        Verdict.objects.bulk_create(
            Verdict(
                item_id=item_id,
                kind=verdict.kind,
                answer=verdict.answer,
                reason=verdict.reason,
                reviewer=self._annotator(verdict.reviewer),
                submit_key=f"imported-{number}",
                created=verdict.created or now,
            )
            for item_id, said in new.items()
            for number, verdict in enumerate(said)
        )
        retired = [pk for pk, said in new.items() if said[-1].kind == Verdict.Kind.RETIRE]
        Item.objects.filter(pk__in=retired).update(status=Item.Status.RETIRED)

    def _source(self, origin: Origin) -> Source:
        if origin.slug not in self.sources:
            self.sources[origin.slug] = get_or_add_source(
                self.project, origin.slug, origin.label, origin.kind
            )
        return self.sources[origin.slug]

    def _annotator(self, name: str) -> User:
        if name not in self.annotators:
            if len(self.annotators) >= MAX_ANNOTATORS:
                raise ImportStopped(f"The file names more than {MAX_ANNOTATORS:,} annotators.")
            self.annotators[name] = imported_annotator(
                f"{self.job.format}_{name}" if name else self.job.format
            )
        return self.annotators[name]


def _is_about_the_same(item: Item, comparison: Comparison) -> bool:
    """Prompt, task type and responses in their order."""
    places = sorted(item.item_responses.all(), key=lambda place: place.position)
    here = [(place.response.text_hash, place.response.source.slug) for place in places]
    told = [(text_hash(text), origin.slug) for text, origin in comparison.responses]
    return (item.prompt.content_hash, item.task_type, here) == (
        comparison.prompt.content_hash,
        comparison.task_type,
        told,
    )


def _identity(response: Response) -> ResponseKey:
    return response.prompt_id, response.source_id, response.text_hash


def _bounded(answers: int) -> int:
    if answers > MAX_ANSWERS:
        raise ImportStopped(f"An item of the file has more than {MAX_ANSWERS:,} answers.")
    return answers


def _belonging(batch: Batch | None) -> dict[str, Any]:
    """The columns by which an item belongs to a batch."""
    if batch is None:
        return {}
    return {"named_batch": batch, "lane": batch.lane, "priority": batch.priority}
