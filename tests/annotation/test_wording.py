"""Words in a row."""

import pytest

from annotation.wording import listed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", ""),
        ("a", "a"),
        ("ab", "a and b"),
        ("abc", "a, b and c"),
        ("abcde", "a, b, c, d and e"),
        ("abcdef", "a, b, c, d, e and others"),
    ],
)
def test_words_in_a_row(words: str, said: str) -> None:
    assert listed(list(words)) == said
