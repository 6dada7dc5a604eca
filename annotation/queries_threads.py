"""What reviewers said about a person's answers, as that person reads it.

Nothing here says who the reviewer is, what others answered, or where a response came from.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Max
from django.utils.safestring import SafeString

from annotation.models import (
    Annotation,
    AnswerComment,
    Assignment,
    ItemResponse,
    Project,
    Verdict,
)
from annotation.queries_adjudication import verdict_in_words
from annotation.queries_people import in_words
from annotation.rendering import render
from annotation.services.review import unread_comments

SHOWN = 50


@dataclass(frozen=True)
class Remark:
    text: str
    created: datetime
    is_mine: bool
    is_new: bool


@dataclass(frozen=True)
class Thread:
    """One answer of the person's, the verdict on its item, and what was said; the newest last."""

    key: UUID
    prompt: str
    responses: list[tuple[str, SafeString]]
    answer: str
    rationale: str
    verdict: str
    reason: str
    remarks: list[Remark]

    @property
    def is_new(self) -> bool:
        return any(remark.is_new for remark in self.remarks)


def unread_count(project: Project, annotator: User) -> int:
    return unread_comments(project, annotator).count()


def threads_of(project: Project, annotator: User) -> list[Thread]:
    """The threads about this person's answers: new ones first, then by what was said last."""
    turns = list(
        Assignment.objects.filter(item__project=project, annotator=annotator)
        .annotate(last_said=Max("answer_comments__id"))
        .exclude(last_said=None)
        .select_related("item__prompt")
        .order_by("-last_said")[:SHOWN]
    )
    remarks: defaultdict[int, list[Remark]] = defaultdict(list)
    for said in AnswerComment.objects.filter(assignment__in=turns):
        is_new = not said.by_annotator and said.read is None
        remarks[said.assignment_id].append(
            Remark(said.text, said.created, said.by_annotator, is_new)
        )
    newest: dict[int, Annotation] = {}
    for revision in Annotation.objects.filter(assignment__in=turns, kind=Annotation.Kind.ANSWER):
        newest[revision.assignment_id] = revision  # in order of revision
    items = [turn.item_id for turn in turns]
    verdicts = {verdict.item_id: verdict for verdict in Verdict.objects.filter(item__in=items)}
    texts: defaultdict[int, list[str]] = defaultdict(list)
    places = ItemResponse.objects.filter(item__in=items).order_by("item_id", "position")
    for item_id, text in places.values_list("item_id", "response__text"):
        texts[item_id].append(text)
    threads = []
    for turn in turns:
        item, order = turn.item, turn.display_order
        item.project = project
        revision, verdict = newest[turn.pk], verdicts.get(item.pk)
        shown = [texts[item.pk][index] for index in order]
        threads.append(
            Thread(
                key=turn.key,
                prompt=str(item.prompt),
                responses=[
                    (chr(ord("A") + place), render(text, markdown=project.render_markdown))
                    for place, text in enumerate(shown)
                ],
                answer=in_words(item, revision.answer or {}, order),
                rationale=revision.rationale,
                verdict=verdict_in_words(item, verdict, order) if verdict else "",
                reason=verdict.reason if verdict else "",
                remarks=remarks[turn.pk],
            )
        )
    return sorted(threads, key=lambda thread: not thread.is_new)
