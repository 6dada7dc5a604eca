"""The `raw` export of another project, read back: one vote a line.

An item of the file becomes one item here, with all its annotators' answers; annotators stay apart
under their pseudonyms. Prompts keep their category, name and conversation, and a conversation that
is new here keeps its split, so what was held out stays held out. Round, origin, arm, batch, display
order, seconds, revision, flags and time are kept, and so are the verdicts of reviewers on items
that have none here. Answers are checked under this project's settings. What can be derived from an
answer is passed over, and so is the version of the guideline: ours are other texts.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.utils.dateparse import parse_datetime

from annotation.imports.comparison import (
    Asked,
    Comparison,
    ImportedPrompt,
    ImportedVerdict,
    Origin,
    Vote,
    field_of,
    messages_of,
    origin_of,
    reply_of,
    short_text,
    unpacked,
)
from annotation.imports.files import LineInvalid, Record
from annotation.models import Item, Prompt, Verdict, text_hash
from annotation.task_types import TASK_TYPES

LABEL = "Raw, as exported here"

ORIGIN = Origin("imported_raw", "Imported votes")
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.@+-]{0,62}[A-Za-z0-9])?")
ROOT = re.compile(r"[0-9a-f]{64}")
MAX_RATIONALE_CHARS = 10_000
MAX_FLAGS = 20
MAX_VERDICTS = 100
DAY_SECONDS = 86_400.0


def comparisons(record: Record) -> Iterator[Comparison]:
    """The one vote of a line, none for a retest; LineInvalid names the field that is not right."""
    if record.get("retest") in (True, "true", "True"):
        return  # the same person's second answer: it counts nowhere
    task_type = field_of(record, "task_type")
    if not isinstance(task_type, str) or task_type not in TASK_TYPES:
        raise LineInvalid(f"There is no task type {str(task_type)[:50]}.")
    responses, truncated = _responses(record.get("responses"))
    item = whole_number(field_of(record, "item"), "item", least=1, most=2**63 - 1)
    apart = [task_type, item, *([text_hash(text), origin.slug] for text, origin in responses)]
    yield Comparison(
        prompt=ImportedPrompt(
            messages=messages_of(unpacked(field_of(record, "messages"))),
            category=short_text(record.get("category"), "category", 100),
            external_id=short_text(record.get("external_id"), "external_id", 200),
            conversation_root=_root(record.get("conversation_root")),
            split=one_of(record.get("split"), "split", Prompt.Split.values),
        ),
        responses=responses,
        task_type=task_type,
        answer=_answer(field_of(record, "answer")),
        vote=Vote(
            annotator=annotator_name(field_of(record, "annotator")),
            rationale=short_text(record.get("rationale"), "rationale", MAX_RATIONALE_CHARS),
            seconds=_seconds(record.get("seconds")),
            display_order=_order(record.get("display_order"), len(responses)),
            revision=whole_number(record.get("revision") or 1, "revision", least=1, most=10**6),
            flags=_flags(record.get("flags")),
            created=_moment(record.get("created")),
        ),
        asked=Asked(
            item=item,
            round=whole_number(record.get("round") or 0, "round", least=0, most=2**31 - 1),
            origin=one_of(record.get("origin"), "origin", Item.Origin.values) or Item.Origin.IMPORT,
            arm=short_text(record.get("arm"), "arm", 32) or "random",
            batch=short_text(record.get("batch"), "batch", 100),
            verdicts=_verdicts(record.get("verdicts")),
        ),
        apart=orjson.dumps(apart).decode(),
        truncated=truncated,
    )


def annotator_name(value: Any) -> str:
    """A name that stays itself as part of a user's name."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise LineInvalid(
            "annotator must be 1 to 64 letters, digits and _ . @ + -, with a letter or a digit at"
            " both ends."
        )
    return value


def whole_number(value: Any, name: str, *, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise LineInvalid(f"{name} must be a whole number from {least} on.")
    return value


def one_of(value: Any, name: str, known: list[str]) -> str:
    """The word; "" where there is none."""
    if value in (None, ""):
        return ""
    if value not in known:
        raise LineInvalid(f"{name} is one of {', '.join(known)}.")
    return str(value)


def _responses(value: Any) -> tuple[tuple[tuple[str, Origin], ...], frozenset[int]]:
    """(text, origin) in canonical order, and the places of those that were cut off."""
    listed = unpacked(value) or []
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise LineInvalid("responses must be a list of objects with a text and a source.")
    responses = tuple(
        (
            reply_of(one.get("text"), f"Response {place}"),
            origin_of(one.get("source"), "source", ORIGIN),
        )
        for place, one in enumerate(listed)
    )
    truncated = (place for place, one in enumerate(listed) if one.get("is_truncated") is True)
    return responses, frozenset(truncated)


def _answer(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise LineInvalid(f"answer is not valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise LineInvalid("answer must be an object, in canonical order.")
    return value


def _verdicts(value: Any) -> tuple[ImportedVerdict, ...]:
    listed = unpacked(value) or []
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise LineInvalid("verdicts must be a list of objects.")
    if len(listed) > MAX_VERDICTS:
        raise LineInvalid(f"verdicts holds at most {MAX_VERDICTS}.")
    return tuple(_verdict(one) for one in listed)


def _verdict(one: Mapping[str, Any]) -> ImportedVerdict:
    kind = one_of(one.get("kind"), "kind of a verdict", Verdict.Kind.values)
    reason = short_text(one.get("reason"), "reason of a verdict", MAX_RATIONALE_CHARS).strip()
    if not kind or not reason:
        raise LineInvalid("A verdict needs a kind and a reason.")
    is_answer = kind == Verdict.Kind.ANSWER
    if is_answer != (one.get("answer") not in (None, "")):
        raise LineInvalid("A verdict of the kind answer, and no other, holds an answer.")
    return ImportedVerdict(
        kind=kind,
        answer=_answer(one["answer"]) if is_answer else None,
        reason=reason,
        reviewer=annotator_name(one.get("reviewer")),
        created=_moment(one.get("created")),
    )


def _root(value: Any) -> str:
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not ROOT.fullmatch(value):
        raise LineInvalid("conversation_root must be 64 hexadecimal digits.")
    return value


def _order(value: Any, count: int) -> tuple[int, ...]:
    if value in (None, []):
        return ()
    whole = isinstance(value, list) and all(type(place) is int for place in value)
    if not whole or sorted(value) != list(range(count)):
        raise LineInvalid("display_order must name each response once, by its canonical index.")
    return tuple(value)


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LineInvalid("seconds must be a number.")
    if not math.isfinite(value) or value < 0:
        raise LineInvalid("seconds must be a number from 0 on.")
    return min(float(value), DAY_SECONDS)


def _flags(value: Any) -> tuple[str, ...]:
    if value in (None, []):
        return ()
    if not isinstance(value, list) or len(value) > MAX_FLAGS:
        raise LineInvalid(f"flags must be a list of at most {MAX_FLAGS} reasons.")
    reasons = (short_text(reason, "A flag", 100) for reason in value)
    return tuple(sorted({reason for reason in reasons if reason}))


def _moment(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:  # well formed, yet no such day
        moment = None
    if moment is None or moment.tzinfo is None:
        raise LineInvalid("created must be a time with its zone, such as 2026-01-31T12:00:00Z.")
    if moment.year < 2000 or moment > datetime.now(UTC):
        raise LineInvalid("created must lie between the year 2000 and now.")
    return moment
