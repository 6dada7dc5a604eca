"""Attributes and the scale they are rated on: as settings store them and as people write them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.text import slugify

MIN_STOPS, MAX_STOPS = 2, 10  # one key a stop: 1 … 9, and 0 for the tenth
MAX_ATTRIBUTES = 20
MAX_LABEL_CHARS = 60
MAX_QUESTION_CHARS = 300
MAX_WORD_CHARS = 40


class ScaleInvalid(ValueError):
    """What somebody wrote is no scale; the message names the line."""


@dataclass(frozen=True)
class Attribute:
    """What is rated: `name` stands in answers, `label` and `question` on the screen."""

    name: str
    label: str
    question: str = ""


@dataclass(frozen=True)
class Scale:
    """`words` has one entry a stop from the lowest up; "" where a stop has none."""

    attributes: tuple[Attribute, ...]
    stops: int
    words: tuple[str, ...]


DEFAULT = Scale(
    attributes=(
        Attribute("helpful", "Helpful", "Does it do what was asked, well?"),
        Attribute("honest", "Honest", "Is it true, and open about what is uncertain?"),
        Attribute("harmless", "Harmless", "Can nobody come to harm by it?"),
    ),
    stops=5,
    words=("not at all", "a little", "partly", "mostly", "completely"),
)


def scale_of(config: Mapping[str, Any]) -> Scale:
    """The scale that a task_config declares; what it does not name is the default's."""
    attributes = tuple(Attribute(**each) for each in config.get("attributes", ()))
    stops = config.get("stops", DEFAULT.stops)
    words = tuple(config.get("words", DEFAULT.words))
    return Scale(
        attributes=attributes or DEFAULT.attributes,
        stops=stops,
        words=words if len(words) == stops else ("",) * stops,
    )


def as_config(scale: Scale) -> dict[str, Any]:
    """What of the scale is not the default, as task_config holds it."""
    config: dict[str, Any] = {}
    if scale.attributes != DEFAULT.attributes:
        config["attributes"] = [asdict(attribute) for attribute in scale.attributes]
    if scale.stops != DEFAULT.stops:
        config["stops"] = scale.stops
    if scale.words != DEFAULT.words:
        config["words"] = list(scale.words) if any(scale.words) else []
    return config


def attribute_lines(attributes: Sequence[Attribute]) -> str:
    """One line each: `Label: question`."""
    return "\n".join(f"{a.label}: {a.question}" if a.question else a.label for a in attributes)


def read_attributes(text: str) -> tuple[Attribute, ...]:
    """The inverse of `attribute_lines`; blank lines mean nothing. Raises ScaleInvalid."""
    found: dict[str, Attribute] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        label, _, question = (part.strip() for part in line.partition(":"))
        name = slugify(label, allow_unicode=True).replace("-", "_")
        if not name:
            raise ScaleInvalid(f"Line {number}: the attribute's name is missing before the colon.")
        if len(label) > MAX_LABEL_CHARS:
            raise ScaleInvalid(f"Line {number}: keep the name below {MAX_LABEL_CHARS} characters.")
        if len(question) > MAX_QUESTION_CHARS:
            raise ScaleInvalid(
                f"Line {number}: keep the question below {MAX_QUESTION_CHARS} characters."
            )
        if name in found:
            raise ScaleInvalid(f"Line {number}: {label} is there twice; leave one out.")
        if len(found) == MAX_ATTRIBUTES:
            raise ScaleInvalid(f"Line {number}: there are at most {MAX_ATTRIBUTES} attributes.")
        found[name] = Attribute(name, label, question)
    if not found:
        raise ScaleInvalid("Name at least one attribute.")
    return tuple(found.values())


def word_lines(words: Sequence[str]) -> str:
    return "\n".join(words) if any(words) else ""


def read_words(text: str, stops: int) -> tuple[str, ...]:
    """One line a stop, a blank one for a stop without words, or no line at all."""
    if not text.strip():
        return ("",) * stops
    words = [line.strip() for line in text.split("\n")]
    while len(words) > stops and not words[-1]:
        words.pop()
    if len(words) > stops:
        raise ScaleInvalid(f"Line {stops + 1}: the scale has only {stops} stops.")
    for number, word in enumerate(words, start=1):
        if len(word) > MAX_WORD_CHARS:
            raise ScaleInvalid(f"Line {number}: keep the words below {MAX_WORD_CHARS} characters.")
    if len(words) < stops:
        raise ScaleInvalid(
            f"Line {len(words) + 1}: the words for stop {len(words) + 1} of {stops} are missing."
            " Leave a line blank for a stop without words."
        )
    return tuple(words)
