"""Everything that is known about every vote: one row a current answer.

Annotators stand under a pseudonym that holds inside one project. `preferences` are the pairs the
answer implies, in canonical order; `unpaired` are the responses that were called good or bad
without being compared (both bad: two negatives); `demonstrations` are the texts that the annotator
wrote, `edited` being the index of the response that one was made from. `verdicts` are what
reviewers decided about the item, the one that holds last; each row of the item carries them all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pyarrow as pa

from annotation.exports.rows import JudgedItem, plain_messages, preference_rows
from annotation.exports.trl_preference import MESSAGES
from annotation.models import Annotation
from annotation.pseudonyms import pseudonym

LABEL = "Raw, one row a vote"

PREFERENCES = pa.list_(
    pa.struct(
        [
            ("a", pa.int64()),
            ("b", pa.int64()),
            ("p", pa.float64()),
            ("strength", pa.float64()),
            ("weight", pa.float64()),
        ]
    )
)
SCHEMA = pa.schema(
    [
        ("annotation", pa.int64()),
        ("item", pa.int64()),
        ("task_type", pa.string()),
        ("task_config", pa.string()),  # JSON: the settings of its question
        ("split", pa.string()),
        ("round", pa.int64()),
        ("origin", pa.string()),
        ("arm", pa.string()),
        ("batch", pa.string()),  # its name; empty where the item is in none
        ("prompt_id", pa.int64()),
        ("conversation_root", pa.string()),
        ("external_id", pa.string()),
        ("category", pa.string()),
        ("messages", MESSAGES),
        (
            "responses",
            pa.list_(
                pa.struct(
                    [
                        ("id", pa.int64()),
                        ("text", pa.string()),
                        ("source", pa.string()),
                        ("is_truncated", pa.bool_()),
                    ]
                )
            ),
        ),
        (
            "verdicts",
            pa.list_(
                pa.struct(
                    [
                        ("kind", pa.string()),
                        ("answer", pa.string()),  # JSON, in canonical order; null without one
                        ("reason", pa.string()),
                        ("reviewer", pa.string()),
                        ("guideline_version", pa.int64()),
                        ("created", pa.string()),
                    ]
                )
            ),
        ),
        ("annotator", pa.string()),
        ("retest", pa.bool_()),  # the item had come back to this annotator; counts nowhere else
        ("answer", pa.string()),  # JSON, in canonical order
        ("strength", pa.int64()),  # of pairwise answers, on their scale; above 0: response 0
        ("both_bad", pa.bool_()),
        ("preferences", PREFERENCES),
        (
            "unpaired",
            pa.list_(pa.struct([("response", pa.int64()), ("label", pa.bool_())])),
        ),
        (
            "demonstrations",
            pa.list_(pa.struct([("text", pa.string()), ("edited", pa.int64())])),
        ),
        ("rationale", pa.string()),
        ("display_order", pa.list_(pa.int64())),
        ("seconds", pa.float64()),  # focused seconds on the screen
        ("revision", pa.int64()),
        ("guideline_version", pa.int64()),
        ("flags", pa.list_(pa.string())),
        ("created", pa.string()),  # ISO 8601, UTC
    ]
)


def rows(judged_items: Iterable[JudgedItem], counts: Counter[str]) -> Iterator[dict[str, Any]]:
    """One row a current answer, in order of item and annotation; an item's retests come last."""
    for judged in judged_items:
        counts["items"] += 1
        about = _about_the_item(judged)
        for annotation in judged.answers:
            counts["both_bad"] += bool((annotation.answer or {}).get("both_bad"))
            yield about | _about_the_vote(judged, annotation) | {"retest": False}
        for annotation in judged.retests:
            counts["retests"] += 1
            yield about | _about_the_vote(judged, annotation) | {"retest": True}


def _about_the_item(judged: JudgedItem) -> dict[str, Any]:
    item, prompt = judged.item, judged.item.prompt
    return {
        "item": item.pk,
        "task_type": item.task_type,
        "task_config": _json(item.project.task_config | item.task_config),
        "split": prompt.split,
        "round": item.round,
        "origin": item.origin,
        "arm": item.arm,
        "batch": item.named_batch.name if item.named_batch else "",
        "prompt_id": prompt.pk,
        "conversation_root": prompt.conversation_root,
        "external_id": prompt.external_id,
        "category": prompt.category,
        "messages": plain_messages(prompt),
        "responses": [
            {
                "id": response.pk,
                "text": response.text,
                "source": response.source.slug,
                "is_truncated": response.is_truncated,
            }
            for response in judged.responses
        ],
        "verdicts": [
            {
                "kind": verdict.kind,
                "answer": _json(verdict.answer) if verdict.answer else None,
                "reason": verdict.reason,
                "reviewer": pseudonym(item.project, verdict.reviewer_id),
                "guideline_version": verdict.guideline.version if verdict.guideline else None,
                "created": verdict.created.isoformat(timespec="microseconds"),
            }
            for verdict in judged.verdicts
        ],
    }


def _about_the_vote(judged: JudgedItem, annotation: Annotation) -> dict[str, Any]:
    answer, assignment = annotation.answer or {}, annotation.assignment
    both_bad = answer.get("both_bad")
    return {
        "annotation": annotation.pk,
        "annotator": pseudonym(judged.item.project, assignment.annotator_id),
        "answer": _json(answer),
        "strength": answer.get("strength"),
        "both_bad": both_bad,
        "preferences": preference_rows(judged.preferences_of(annotation)),
        "unpaired": [
            {"response": said.response, "label": said.is_good}
            for said in judged.unpaired_of(annotation)
        ],
        "demonstrations": [
            {"text": written.text, "edited": written.edited}
            for written in judged.demonstrations_of(annotation)
        ],
        "rationale": annotation.rationale,
        "display_order": assignment.display_order,
        "seconds": annotation.seconds,
        "revision": annotation.revision,
        "guideline_version": annotation.guideline.version if annotation.guideline else None,
        "flags": judged.flags_by(assignment.annotator_id),
        "created": annotation.created.isoformat(timespec="microseconds"),
    }


def _json(value: dict[str, Any]) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
