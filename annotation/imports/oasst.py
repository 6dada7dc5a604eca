"""Open-Assistant's conversation trees, one a line: {"message_tree_id", "prompt": {…, "replies"}}.

Köpf et al. 2023, arXiv:2304.07327. Every user turn with at least two ranked replies gives one
ranking item of K responses, and the consensus rank (0 is best) is its one answer: K (K - 1) / 2
ordered pairs. Replies without a rank are left out, and so are deleted ones. Of replies that read
the same, the best ranked stands for all. All user turns of a tree share its opening, so the tree
falls into one split.
"""

from collections.abc import Iterator
from typing import Any

from annotation.imports.comparison import Comparison, ImportedPrompt, Origin, messages_of, reply_of
from annotation.imports.files import LineInvalid, Record
from annotation.models import Source, text_hash

LABEL = "Open-Assistant trees"

HUMAN = Origin("imported_oasst_human", "Open-Assistant volunteers", Source.Kind.HUMAN)
MAX_DEPTH = 100
MAX_REPLIES = 26  # ranked elsewhere: more than the screen asks about; the letters A … Z name them
ROLES = {"prompter": "user", "assistant": "assistant"}


def comparisons(record: Record) -> Iterator[Comparison]:
    """Every ranking of the tree; LineInvalid says why there is none."""
    root = record.get("prompt")
    if not isinstance(root, dict):
        raise LineInvalid("The line is not a tree: it has no object in the field prompt.")
    found = False
    # A stack, not recursion: a deep tree must not end the import.
    waiting: list[tuple[dict[str, Any], list[dict[str, str]]]] = [(root, [])]
    while waiting:
        node, before = waiting.pop()
        if len(before) >= MAX_DEPTH:
            raise LineInvalid(f"The tree is deeper than {MAX_DEPTH} turns.")
        role = ROLES.get(str(node.get("role")))
        if role is None:
            raise LineInvalid("A message's role is neither prompter nor assistant.")
        messages = [*before, {"role": role, "content": reply_of(node.get("text"), "A message")}]
        replies = _replies(node)
        if role == "user" and (ranking := _ranking(node, messages, replies)):
            found = True
            yield ranking
        waiting.extend((reply, messages) for reply in reversed(replies))
    if not found:
        raise LineInvalid("No message of the tree has two ranked replies.")


def _replies(node: dict[str, Any]) -> list[dict[str, Any]]:
    replies = node.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
        raise LineInvalid("The replies of a message are not a list of messages.")
    return [reply for reply in replies if reply.get("deleted") is not True]


def _ranking(
    node: dict[str, Any], messages: list[dict[str, str]], replies: list[dict[str, Any]]
) -> Comparison | None:
    """The replies of one user turn, brought into canonical order; None where fewer than two."""
    ranked = sorted(
        (reply for reply in replies if _has_rank(reply)), key=lambda reply: int(reply["rank"])
    )
    distinct: dict[str, dict[str, Any]] = {}
    for reply in ranked:
        if reply.get("role") != "assistant":
            raise LineInvalid("A user turn is answered by a message that is not the assistant's.")
        distinct.setdefault(reply_of(reply.get("text"), "A reply").strip(), reply)
    if len(distinct) < 2:
        return None
    if len(distinct) > MAX_REPLIES:
        raise LineInvalid(f"A message has more than {MAX_REPLIES} ranked replies.")
    canonical = sorted(distinct.values(), key=lambda reply: text_hash(reply["text"]))
    ranks = sorted({int(reply["rank"]) for reply in canonical})
    return Comparison(
        prompt=ImportedPrompt(messages_of(messages), external_id=_name(node)),
        responses=tuple((reply["text"], _origin(reply)) for reply in canonical),
        task_type="ranking",
        answer={
            "groups": [
                [i for i, reply in enumerate(canonical) if int(reply["rank"]) == rank]
                for rank in ranks
            ]
        },
    )


def _name(node: dict[str, Any]) -> str:
    name = str(node.get("message_id", ""))[:200]
    return name if name.isprintable() else ""


def _has_rank(reply: dict[str, Any]) -> bool:
    rank = reply.get("rank")
    return isinstance(rank, int | float) and not isinstance(rank, bool) and float(rank).is_integer()


def _origin(reply: dict[str, Any]) -> Origin:
    """People wrote most replies; a synthetic one says which model did."""
    if reply.get("synthetic") is not True:
        return HUMAN
    model = str(reply.get("model_name") or "unknown")[:80]
    if not model.isprintable():
        raise LineInvalid("The name of a reply's model holds characters that cannot be shown.")
    return Origin(f"imported_oasst_{model}", f"Open-Assistant: {model}", Source.Kind.MODEL)
