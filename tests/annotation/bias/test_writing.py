"""What is counted of a text, and that nobody can make it slow."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.bias.writing import Written, written

TEXT = """# Head

Some **bold** and __more of it__ here.
  - one
  * two
  + three
10. four
2) five
### Deeper
"""


def test_a_text_by_hand() -> None:
    """Seven of the words are marks: # - * + 10. 2) ###."""
    assert written(TEXT) == Written(characters=len(TEXT), words=21, headers=2, entries=5, bold=2)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        pytest.param("#hashtag", (0, 0, 0), id="a header has a space"),
        pytest.param("####### seven", (0, 0, 0), id="there are six levels"),
        pytest.param("a # b - c", (0, 0, 0), id="marks stand at the head of a line"),
        pytest.param("-5 degrees\n3.14 is pi", (0, 0, 0), id="numbers are no entries"),
        pytest.param("2 ** 3 ** 4", (0, 0, 0), id="a power is not bold"),
        pytest.param("**over\ntwo lines**", (0, 0, 0), id="bold ends with its line"),
        pytest.param("__name__.__other__", (0, 0, 2), id="between words of any kind"),
        pytest.param("- **a**\n- **b**", (0, 2, 2), id="both at once"),
        pytest.param("```\n# no\n- no **no**\n```\n# yes", (1, 0, 0), id="code does not count"),
        pytest.param("~~~py\n# no\n```\n# no\n~~~\n- yes", (0, 1, 0), id="a fence has its own end"),
        pytest.param("# yes\n```\n# no", (1, 0, 0), id="code that is not closed goes on"),
        pytest.param(
            "````\n```\n# no\n````\n# yes", (1, 0, 0), id="a longer fence holds a shorter"
        ),
        pytest.param("``` # inline ``` is code", (0, 0, 0), id="a fence with text opens"),
        pytest.param("", (0, 0, 0), id="nothing"),
    ],
)
def test_headers_entries_and_bold(text: str, counts: tuple[int, int, int]) -> None:
    assert written(text)[2:] == counts


HOSTILE = {
    "stars": "*",
    "open bold": "**a",
    "low lines": "__a",
    "breaks": "\n",
    "breaks and spaces": "\n ",
    "digits": "9",
    "fences": "```\n",
    "ticks": "`",
    "tildes and spaces": "~~~ ",
    "heads": "\n#",
    "almost bold": "**a* ",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_twice_the_text_takes_no_four_times_as_long(name: str) -> None:
    """200,000 characters that an expression going back and forth would need minutes for."""
    began = process_time()
    written(HOSTILE[name] * (200_000 // len(HOSTILE[name])))
    written("**" + HOSTILE[name] * (200_000 // len(HOSTILE[name])))
    assert process_time() - began < 2


@given(st.text(alphabet="ab #*-_1.\n`~", max_size=80))
def test_counts_are_bounded_by_the_lines_and_words(text: str) -> None:
    found = written(text)
    assert found.characters == len(text)
    assert found.headers + found.entries <= len(text.split("\n"))
    assert 0 <= found.bold <= len(text) // 5
