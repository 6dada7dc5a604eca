"""Which words of two texts differ."""

from difflib import SequenceMatcher
from random import Random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.worddiff import MAX_WORDS, PIECE, word_diff


def marked(a: str, b: str) -> tuple[list[str], list[str]]:
    both = word_diff(a, b)
    assert both is not None
    first, second = ([each.text for each in segments if each.differs] for segments in both)
    return first, second


@pytest.mark.parametrize(
    ("a", "b", "in_a", "in_b"),
    [
        ("The cat sat.", "The dog sat.", ["cat"], ["dog"]),
        ("same words", "same\n\n  words", [], []),
        ("one two three", "one three", ["two"], []),
        ("one", "one, more or less", [], [", more or less"]),
        ("a well-known fact, isn't it", "a known fact, is it", ["well-known", "isn't"],
         ["known", "is"]),
        ("", "new text", [], ["new text"]),
        ("東京は大きい", "東京は小さい", ["大き"], ["小さ"]),
        ("العاصمة هي القاهرة", "العاصمة هي عمّان", ["القاهرة"], ["عمّان"]),
        ("हिन्दी भाषा", "हिन्दी लिपि", ["भाषा"], ["लिपि"]),
        ("x = f(1)", "x = f(2)", ["1"], ["2"]),
    ],
)  # fmt: skip
def test_words_that_the_other_lacks_are_marked(
    a: str, b: str, in_a: list[str], in_b: list[str]
) -> None:
    assert marked(a, b) == (in_a, in_b)


def test_the_space_around_what_differs_is_not_marked() -> None:
    both = word_diff("keep  this old\nthing here\n", "keep this here")
    assert both is not None
    shown = [(each.text, each.differs) for each in both[0]]
    assert shown == [("keep  this ", False), ("old\nthing", True), (" here\n", False)]


TEXTS = st.text(alphabet="ab .,-'\n\t<&東\u0301\u202e", max_size=40)


@given(TEXTS, TEXTS)
def test_the_segments_of_a_text_are_the_text(a: str, b: str) -> None:
    both = word_diff(a, b)
    assert both is not None
    for text, segments in zip((a, b), both, strict=True):
        assert "".join(each.text for each in segments) == text
        assert all(each.text for each in segments)
        kinds = [each.differs for each in segments]
        assert all(one != next_one for one, next_one in zip(kinds, kinds[1:], strict=False))


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert marked(text, text) == ([], [])


def test_texts_that_are_too_long_are_not_compared() -> None:
    assert word_diff("word " * (MAX_WORDS + 1), "word") is None
    assert word_diff("word", "word " * (MAX_WORDS + 1)) is None


def prose(seed: int, words: int) -> str:
    """Words as often as in prose: the n-th most frequent one with weight 1 / n."""
    vocabulary = [f"w{number}" for number in range(1, 5_000)]
    weights = [1 / number for number in range(1, 5_000)]
    return " ".join(Random(seed).choices(vocabulary, weights, k=words))  # noqa: S311


def test_a_thousand_words_of_prose_are_compared() -> None:
    both = word_diff(prose(1, 1_000), prose(2, 1_000))
    assert both is not None
    assert {each.differs for each in both[0]} == {True, False}


@pytest.mark.parametrize("period", [1, 2, 7, 50])
def test_no_text_keeps_the_server_busy(period: int) -> None:
    """Repetition is the worst case: each word has many places to match."""
    a = " ".join(f"w{number % period}" for number in range(MAX_WORDS))
    b = " ".join(f"w{number * 3 % period if number % 5 else 'x'}" for number in range(MAX_WORDS))
    start = perf_counter()
    assert word_diff(a, b) is None
    assert perf_counter() - start < 10  # a busy machine is slow; alone it takes half a second


@given(TEXTS, TEXTS)
def test_it_finds_what_difflib_finds(a: str, b: str) -> None:
    first, second = ([piece.strip() for piece in PIECE.findall(text)] for text in (a, b))
    known = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    both = word_diff(a, b)
    assert both is not None
    same = sum(len(PIECE.findall(each.text)) for each in both[0] if not each.differs)
    assert same == sum(match.size for match in known)
