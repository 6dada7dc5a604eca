"""What a line of comparisons means, whatever its format, and the helpers that formats share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from annotation.imports.files import LineInvalid
from annotation.models import Source, text_hash
from annotation.services.content import clean_messages, clean_text, content_hash
from annotation.services.errors import ContentInvalid

DEFAULT_STRENGTH = 2  # "better": files that only say which one won don't say how clearly


@dataclass(frozen=True)
class Origin:
    """Who wrote a response: the source's slug, label and kind."""

    slug: str
    label: str
    kind: str = Source.Kind.UNKNOWN


@dataclass(frozen=True)
class Comparison:
    """One prompt, K responses in canonical order, and the answer people gave about them."""

    messages: list[dict[str, str]]
    responses: tuple[tuple[str, Origin], ...]
    task_type: str
    answer: dict[str, Any]
    external_id: str = ""

    @cached_property
    def prompt_hash(self) -> str:
        return content_hash(self.messages)

    @cached_property
    def key(self) -> str:
        """Equal for equal comparisons, in whatever order and format the file gives them."""
        parts = [self.prompt_hash, *sorted(text_hash(text) for text, _ in self.responses)]
        return f"import:{text_hash(' '.join(parts))}"

    @property
    def chars(self) -> int:
        prompt = sum(len(message["content"]) for message in self.messages)
        return prompt + sum(len(text) for text, _ in self.responses)


def messages_of(value: Any) -> list[dict[str, str]]:
    """A prompt: a text, or a list of messages that ends with the user's."""
    try:
        if isinstance(value, str):
            return clean_messages([{"role": "user", "content": value}])
        return clean_messages(value)
    except ContentInvalid as refusal:
        raise LineInvalid(str(refusal)) from None


def reply_of(value: Any, name: str) -> str:
    """The text of a reply that stands alone."""
    try:
        return clean_text(value, name)
    except ContentInvalid as refusal:
        raise LineInvalid(str(refusal)) from None


def pair(
    messages: list[dict[str, str]],
    chosen: tuple[str, Origin],
    rejected: tuple[str, Origin],
    strength: int = DEFAULT_STRENGTH,
    external_id: str = "",
) -> Comparison:
    """A pairwise answer. The better response's place depends on the texts, not on who won."""
    if chosen[0].strip() == rejected[0].strip():
        raise LineInvalid("The chosen and the rejected reply read the same.")
    responses = tuple(sorted((chosen, rejected), key=lambda response: text_hash(response[0])))
    return Comparison(
        messages=messages,
        responses=responses,
        task_type="pairwise",
        answer={"strength": strength if responses[0] is chosen else -strength, "both_bad": False},
        external_id=external_id,
    )


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """The field's value; LineInvalid names the fields that are there instead."""
    if record.get(name) in (None, ""):
        there = ", ".join(sorted(map(str, record))[:10]) or "none"
        raise LineInvalid(f"The field {name} is missing or empty (fields here: {there}).")
    return record[name]


def is_messages(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
