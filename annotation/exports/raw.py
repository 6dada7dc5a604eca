"""Everything that is known about every vote: one row a current answer.

Annotators stand under a pseudonym that holds inside one project. `preferences` are the pairs the
answer implies, in canonical order; `unpaired` are the responses that were called bad without being
compared (both bad: two negatives).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
import pyarrow as pa

from annotation.exports.rows import JudgedItem
from annotation.exports.trl_preference import MESSAGES
from annotation.models import Annotation
from annotation.pseudonyms import pseudonym

LABEL = "Raw, one row a vote"

SCHEMA = pa.schema(
    [
        ("annotation", pa.int64()),
        ("item", pa.int64()),
        ("task_type", pa.string()),
        ("split", pa.string()),
        ("round", pa.int64()),
        ("origin", pa.string()),
        ("arm", pa.string()),
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
        ("annotator", pa.string()),
        ("answer", pa.string()),  # JSON, in canonical order
        ("strength", pa.int64()),  # of pairwise answers; positive: response 0 is better
        ("both_bad", pa.bool_()),
        (
            "preferences",
            pa.list_(
                pa.struct(
                    [
                        ("a", pa.int64()),
                        ("b", pa.int64()),
                        ("p", pa.float64()),
                        ("strength", pa.float64()),
                        ("weight", pa.float64()),
                    ]
                )
            ),
        ),
        (
            "unpaired",
            pa.list_(pa.struct([("response", pa.int64()), ("label", pa.bool_())])),
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
    """One row a current answer, in order of item and annotation."""
    for judged in judged_items:
        counts["items"] += 1
        about = _about_the_item(judged)
        for annotation in judged.answers:
            counts["both_bad"] += bool((annotation.answer or {}).get("both_bad"))
            yield about | _about_the_vote(judged, annotation)


def _about_the_item(judged: JudgedItem) -> dict[str, Any]:
    item, prompt = judged.item, judged.item.prompt
    return {
        "item": item.pk,
        "task_type": item.task_type,
        "split": prompt.split,
        "round": item.round,
        "origin": item.origin,
        "arm": item.arm,
        "prompt_id": prompt.pk,
        "conversation_root": prompt.conversation_root,
        "external_id": prompt.external_id,
        "category": prompt.category,
        "messages": [
            {"role": message["role"], "content": message["content"]} for message in prompt.messages
        ],
        "responses": [
            {
                "id": response.pk,
                "text": response.text,
                "source": response.source.slug,
                "is_truncated": response.is_truncated,
            }
            for response in judged.responses
        ],
    }


def _about_the_vote(judged: JudgedItem, annotation: Annotation) -> dict[str, Any]:
    answer, assignment = annotation.answer or {}, annotation.assignment
    both_bad = answer.get("both_bad")
    return {
        "annotation": annotation.pk,
        "annotator": pseudonym(judged.item.project, assignment.annotator_id),
        "answer": orjson.dumps(answer, option=orjson.OPT_SORT_KEYS).decode(),
        "strength": answer.get("strength"),
        "both_bad": both_bad,
        "preferences": [
            {"a": p.a, "b": p.b, "p": p.p, "strength": p.strength, "weight": p.weight}
            for p in judged.preferences_of(annotation)
        ],
        "unpaired": [{"response": index, "label": False} for index in range(len(judged.responses))]
        if both_bad
        else [],
        "rationale": annotation.rationale,
        "display_order": assignment.display_order,
        "seconds": annotation.seconds,
        "revision": annotation.revision,
        "guideline_version": annotation.guideline.version if annotation.guideline else None,
        "flags": judged.flags_by(assignment.annotator_id),
        "created": annotation.created.isoformat(timespec="microseconds"),
    }
