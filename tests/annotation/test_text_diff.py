"""What changed from one text to another."""

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.text_diff import MAX_CHANGES, Change, Kind, apply, changes, delta

SAME, REMOVED, ADDED = Kind.SAME, Kind.REMOVED, Kind.ADDED


def test_words_are_compared_and_not_letters() -> None:
    assert changes("The cat sat down.", "The dog sat down.") == [
        Change(SAME, "The "),
        Change(REMOVED, "cat"),
        Change(ADDED, "dog"),
        Change(SAME, " sat down."),
    ]


def test_the_stored_form_names_characters_kept_removed_and_added() -> None:
    assert delta("The cat sat down.", "The dog sat down.") == [4, -3, "dog", 10]
    assert delta("same", "same") == [4]
    assert delta("", "new") == ["new"]
    assert delta("old", "") == [-3]


def test_a_rewritten_phrase_is_one_change() -> None:
    assert delta("It is quite bad at this.", "It was good at that.") == [
        3,
        -12,
        "was good",
        4,
        -4,
        "that",
        1,
    ]


def test_the_edit_is_the_shortest_there_is() -> None:
    # Myers' own example in signs: ABCABBA → CBABAC keeps four of seven and six.
    found = changes("+-*+--+", "*-+-+*")
    assert sum(len(change.text) for change in found if change.kind == SAME) == 4


texts = st.text(alphabet="ab \n.é", max_size=60)


@given(texts, texts)
def test_nothing_is_lost_in_either_direction(before: str, after: str) -> None:
    found = changes(before, after)
    assert "".join(c.text for c in found if c.kind != ADDED) == before
    assert "".join(c.text for c in found if c.kind != REMOVED) == after
    assert apply(before, delta(before, after)) == after
    assert all(change.text for change in found)
    assert all(x.kind != y.kind for x, y in zip(found, found[1:], strict=False))


def test_one_word_changed_in_a_million_characters_is_one_word() -> None:
    words = [f"word{n}" for n in range(120_000)]
    before = " ".join(words)
    words[60_000] = "changed"
    assert [c.text for c in changes(before, " ".join(words)) if c.kind == ADDED] == ["changed"]


def test_texts_with_little_in_common_are_compared_by_lines() -> None:
    old = [f"old{n} {n * n + 1}" for n in range(MAX_CHANGES)]
    new = [f"new{n} {n * n + 2}" for n in range(MAX_CHANGES)]
    old[100:100] = new[100:100] = ["one line that stays"]
    found = changes("\n".join(old[:400]), "\n".join(new[:400]))
    assert [c.text for c in found if c.kind == SAME] == ["\none line that stays\n"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 500_000, "b " * 50_000),
        ("a " * 400_000 + "b " * 100_000, "b " + "a " * 49_000 + "c"),
        (" ".join("ab"[n % 2] for n in range(500_000)), "b a a " * 16_000),
        ("\n" * 1_000_000, "\r" * 100_000),
        ("x\n" * 500_000, "y\nx\n" * 25_000),
        ("." * 1_000_000, ",." * 50_000),
    ],
)
def test_the_worst_texts_take_a_bounded_time(before: str, after: str) -> None:
    start = perf_counter()
    change = delta(before, after)
    assert perf_counter() - start < 20  # a busy machine; alone it takes two seconds
    assert apply(before, change) == after
