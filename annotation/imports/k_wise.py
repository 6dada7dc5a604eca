"""Rankings of K responses: `prompt`, `responses` and `groups`, or `prompt` and `answers`.

    groups    responses is a list of texts; groups of their indices, best first, equals together
    answers   [{"answer": text, "rank": 1}, …], as Nectar has them; the smallest rank is the best

Of our own export's further columns, `votes` gives each annotator's ranking instead of the merged
one, and `sources` says who wrote the responses.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from annotation.imports.comparison import (
    Comparison,
    ImportedPrompt,
    Origin,
    Vote,
    field_of,
    messages_of,
    origin_of,
    reply_of,
    unpacked,
)
from annotation.imports.files import LineInvalid, Record
from annotation.imports.raw import annotator_name, whole_number
from annotation.models import text_hash

LABEL = "K-wise rankings"

ORIGIN = Origin("imported_k_wise", "Imported rankings")
MAX_VOTES = 1000


def comparisons(record: Record) -> Iterator[Comparison]:
    """Each annotator's ranking, or the one of the line; LineInvalid says why there is none."""
    prompt = ImportedPrompt(messages_of(unpacked(field_of(record, "prompt"))))
    if record.get("responses") is None:
        responses, groups = _by_rank(field_of(record, "answers"))
        yield _ranking(prompt, responses, groups)
        return
    responses = _responses(record)
    votes = record.get("votes") or []
    if not isinstance(votes, list) or not all(isinstance(vote, Mapping) for vote in votes):
        raise LineInvalid("votes must be a list of objects with an annotator and groups.")
    if len(votes) > MAX_VOTES:
        raise LineInvalid(f"votes must hold at most {MAX_VOTES:,} rankings.")
    if not votes:
        yield _ranking(prompt, responses, field_of(record, "groups"))
        return
    # Only votes about the same order of responses belong to one item.
    apart: list[Any] = [[text_hash(text), origin.slug] for text, origin in responses]
    if record.get("item") is not None:
        apart.append(whole_number(record["item"], "item", least=1, most=2**63 - 1))
    for vote in votes:
        yield _ranking(
            prompt,
            responses,
            vote.get("groups"),
            vote=Vote(annotator=annotator_name(vote.get("annotator"))),
            apart=orjson.dumps(apart).decode(),
        )


Responses = tuple[tuple[str, Origin], ...]


def _ranking(prompt: ImportedPrompt, responses: Responses, groups: Any, **more: Any) -> Comparison:
    return Comparison(prompt, responses, task_type="ranking", answer={"groups": groups}, **more)


def _responses(record: Record) -> Responses:
    texts, sources = unpacked(record["responses"]), unpacked(record.get("sources")) or []
    if not isinstance(texts, list) or not isinstance(sources, list):
        raise LineInvalid("responses must be a list of texts, and sources a list of names.")
    if sources and len(sources) != len(texts):
        raise LineInvalid("sources must name one source for each of the responses.")
    return tuple(
        (
            reply_of(text, f"Response {place}"),
            origin_of(sources[place] if sources else None, "sources", ORIGIN),
        )
        for place, text in enumerate(texts)
    )


def _by_rank(answers: Any) -> tuple[Responses, list[list[int]]]:
    """Responses in an order that does not tell how they did, and the groups of equal rank."""
    listed = unpacked(answers)
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise LineInvalid("answers must be a list of objects with an answer and a rank.")
    ranked = []
    for one in listed:
        rank = one.get("rank")
        if isinstance(rank, bool) or not isinstance(rank, int | float) or rank != rank:
            raise LineInvalid("Every answer needs a rank that is a number.")
        ranked.append((reply_of(one.get("answer"), "An answer"), rank))
    ranked.sort(key=lambda one: text_hash(one[0]))
    groups = [
        [place for place, (_, rank) in enumerate(ranked) if rank == wanted]
        for wanted in sorted({rank for _, rank in ranked})
    ]
    return tuple((text, ORIGIN) for text, _ in ranked), groups
