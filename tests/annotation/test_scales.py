"""Attributes and scales, as people write them."""

import pytest

from annotation.scales import (
    DEFAULT,
    Attribute,
    ScaleInvalid,
    as_config,
    attribute_lines,
    read_attributes,
    read_words,
    scale_of,
    word_lines,
)


def test_attributes_are_lines_with_a_name_and_perhaps_a_question() -> None:
    written = "Helpful: Does it do what was asked: all of it?\r\n\r\n  Follows the rules \nÉlégant"
    assert read_attributes(written) == (
        Attribute("helpful", "Helpful", "Does it do what was asked: all of it?"),
        Attribute("follows_the_rules", "Follows the rules"),
        Attribute("élégant", "Élégant"),
    )


def test_what_is_read_is_written_back() -> None:
    assert read_attributes(attribute_lines(DEFAULT.attributes)) == DEFAULT.attributes
    assert read_words(word_lines(DEFAULT.words), DEFAULT.stops) == DEFAULT.words


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("Helpful\n: why?", "Line 2: the attribute's name is missing"),
        ("Helpful\n\nhelpful", "Line 3: helpful is there twice"),
        ("x" * 61, "Line 1: keep the name below 60"),
        ("Good\nBad: " + "x" * 301, "Line 2: keep the question below 300"),
        ("\n".join(f"a{n}" for n in range(21)), "Line 21: there are at most 20"),
        (" \n", "Name at least one attribute."),
    ],
)
def test_what_cannot_be_read_names_its_line(written: str, line: str) -> None:
    with pytest.raises(ScaleInvalid, match=line):
        read_attributes(written)


def test_a_stop_can_go_without_words() -> None:
    assert read_words("never\n\nalways\n", 3) == ("never", "", "always")
    assert read_words("never\n\n", 3) == ("never", "", "")
    assert read_words(" \n", 3) == ("", "", "")


@pytest.mark.parametrize(
    ("written", "line"),
    [
        ("never\nalways", "Line 3: the words for stop 3 of 4 are missing"),
        ("a\nb\nc\nd\ne", "Line 5: the scale has only 4 stops"),
        ("a\nb\n" + "x" * 41 + "\nd", "Line 3: keep the words below 40"),
    ],
)
def test_words_fit_the_stops(written: str, line: str) -> None:
    with pytest.raises(ScaleInvalid, match=line):
        read_words(written, 4)


def test_only_what_differs_from_the_default_is_stored() -> None:
    assert as_config(DEFAULT) == {}
    assert scale_of({}) == DEFAULT
    config = {
        "attributes": [{"name": "clear", "label": "Clear", "question": ""}],
        "stops": 2,
        "words": ["no", "yes"],
    }
    assert as_config(scale_of(config)) == config
    bare = scale_of({"stops": 7})
    assert bare.words == ("",) * 7
    assert scale_of(as_config(bare)) == bare
