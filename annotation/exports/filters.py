"""Which judgements a dataset holds, and what several answers to one item become in it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from annotation.models import Item

LABELS = {
    "votes": "Every vote",
    "majority": "The majority",
    "verdict": "The verdict, where there is one",
    "dawid_skene": "How likely each label is, by how reliable people are (Dawid–Skene)",
    "crowd_bt": "The same, by the strength of each response too (Crowd-BT)",
}


class FilterInvalid(ValueError):
    """A filter is unknown or its value is none that the filter takes; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def clean_filters(values: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that are set, in JSON's own types; raise FilterInvalid, naming the field.

    Which items:
    rounds      whole numbers: the turns of the loop that asked the items
    origins     where the items came from: demo, import, api, sample
    sources     slugs: every response of the item is from one of these
    batches     names: the items belong to one of these
    answers     a whole number: at least so many answers are left of the item
    agreement   over 0, at most 1: on every pair at least this share of the answers says the same
    Which answers:
    since       an ISO date or time: given then or later
    annotators  pseudonyms: given by one of these (`annotation.pseudonyms`)
    guidelines  whole numbers: given under one of these versions, 0 meaning under none
    What they become:
    labels      one of LABELS (see `merging`); votes are left out, being what is done without
    """
    cleaned: dict[str, Any] = {}
    for name, value in values.items():
        if name not in FILTERS:
            raise FilterInvalid(name, f"is not a filter; the filters are {', '.join(FILTERS)}")
        if value in (None, "", []):
            continue
        cleaned[name] = FILTERS[name](name, value)
    if cleaned.get("labels") == "votes":
        del cleaned["labels"]
    return cleaned


def in_words(filters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of each filter that is set, for people to read."""
    said = []
    for name, value in filters.items():
        if name == "labels":
            text = LABELS.get(value, value)
        elif name == "annotators":  # pseudonyms, which say nothing
            text = f"{len(value)} of them"
        elif name == "guidelines":
            text = ", ".join(f"version {number}" if number else "none" for number in value)
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        said.append((name, text))
    return sorted(said)


def _whole_numbers(name: str, value: Any) -> list[int]:
    if not all(type(number) is int and number >= 0 for number in _list(name, value)):
        raise FilterInvalid(name, "must hold whole numbers from 0 on")
    return sorted(set(value))


def _origins(name: str, value: Any) -> list[str]:
    unknown = [str(origin) for origin in _list(name, value) if origin not in Item.Origin.values]
    if unknown:
        known = ", ".join(Item.Origin.values)
        raise FilterInvalid(name, f"{unknown[0]} is not an origin; these are: {known}")
    return sorted(set(value))


def _words(what: str) -> Callable[[str, Any], list[str]]:
    def clean(name: str, value: Any) -> list[str]:
        if not all(isinstance(word, str) for word in _list(name, value)):
            raise FilterInvalid(name, f"must hold {what}")
        return sorted(set(value))

    return clean


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FilterInvalid(name, "must be a list")
    return value


def _count(name: str, value: Any) -> int:
    if type(value) is not int or value < 1:
        raise FilterInvalid(name, "must be a whole number from 1 on")
    return value


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise FilterInvalid(name, "must be a number over 0 and at most 1, such as 0.7")
    return float(value)


def _labels(name: str, value: Any) -> str:
    if not isinstance(value, str) or value not in LABELS:
        raise FilterInvalid(name, f"must be one of {', '.join(LABELS)}")
    return value


def _moment(name: str, value: Any) -> str:
    """A date or time, with the project's time zone where it names none."""
    if isinstance(value, datetime):
        moment: datetime | None = value
    else:
        try:
            moment = parse_datetime(str(value))
            if moment is None and (day := parse_date(str(value))) is not None:
                moment = datetime(day.year, day.month, day.day)
        except ValueError:  # well formed, yet no such day
            moment = None
    if moment is None:
        raise FilterInvalid(name, f"{value} is not a date such as 2026-01-31")
    return (moment if timezone.is_aware(moment) else timezone.make_aware(moment)).isoformat()


FILTERS: dict[str, Callable[[str, Any], Any]] = {
    "rounds": _whole_numbers,
    "origins": _origins,
    "sources": _words("the slugs of sources"),
    "batches": _words("the names of batches"),
    "answers": _count,
    "agreement": _share,
    "since": _moment,
    "annotators": _words("the pseudonyms of annotators, as raw exports show them"),
    "guidelines": _whole_numbers,
    "labels": _labels,
}
