"""A list of short texts, one per line."""

import pytest
from django.core.exceptions import ValidationError

from annotation.fields import LinesField

FIELD = LinesField(max_lines=3, max_chars=10)


@pytest.mark.parametrize("value", ["one\r\n\r\n  two \n", ["one", "", "two"]])
def test_lines_become_a_list_without_what_is_empty(value: object) -> None:
    assert FIELD.clean(value) == ["one", "two"]


@pytest.mark.parametrize("value", ["", None, [], "\n \n"])
def test_nothing_is_an_empty_list(value: object) -> None:
    assert FIELD.clean(value) == []


@pytest.mark.parametrize("value", ["a\nb\nc\nd", "x" * 11, "a\na", "a\x00b", [1], {"a": 1}])
def test_what_does_not_fit_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        FIELD.clean(value)
    assert refusal.value.messages[0].endswith(".")


def test_a_stored_list_is_shown_as_lines() -> None:
    assert FIELD.prepare_value(["one", "two"]) == "one\ntwo"
    assert FIELD.prepare_value("as\ntyped") == "as\ntyped"
