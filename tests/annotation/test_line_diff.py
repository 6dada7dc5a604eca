"""What changed in a text, line by line and word by word."""

from annotation.line_diff import Line, changes
from annotation.text_diff import Change, Kind

OLD = "# Rules\n\nBe kind.\nPrefer the short response.\nOne more.\nAnd another.\nThe last."


def kinds(lines: list[Line]) -> list[str]:
    return [line.kind for line in lines]


def test_a_changed_word_stands_inside_its_line() -> None:
    found = changes(OLD, OLD.replace("short", "long"))
    assert kinds(found) == ["same", "changed", "same"]
    assert found[1].parts == (
        Change(Kind.SAME, "Prefer the "),
        Change(Kind.REMOVED, "short"),
        Change(Kind.ADDED, "long"),
        Change(Kind.SAME, " response."),
    )
    assert found[0].skipped == 1  # the heading lies before the line shown around the change


def test_lines_come_and_go_whole() -> None:
    assert kinds(changes("one\ntwo", "one\ntwo\nthree")) == ["same", "added"]
    assert kinds(changes("one\ntwo\nthree", "one\nthree")) == ["same", "removed", "same"]


def test_lines_without_anything_in_common_are_taken_out_and_put_in() -> None:
    assert kinds(changes("Prefer the shorter one.", "Nothing harmful, ever!")) == [
        "removed",
        "added",
    ]


def test_space_alone_is_no_change() -> None:
    assert changes(OLD, OLD.replace("\n", "\n\n") + "  \n") == []
    assert changes("", "") == []


def test_no_word_is_lost() -> None:
    """What is same or added reads as the new text, what is same or removed as the old one."""
    new = OLD.replace("kind", "brief and kind").replace("One more.\n", "")
    for text, left_out in ((new, "removed"), (OLD, "added")):
        shown = [
            "".join(part.text for part in line.parts if part.kind != left_out)
            for line in changes(OLD, new)
        ]
        written = [line for line in text.splitlines() if line]
        assert [line for line in shown if line] == [line for line in written if line in shown]


def test_a_very_long_text_is_compared_in_a_moment() -> None:
    changes("a\n" * 25_000, "a\n" * 24_000 + "b\n" * 500)
    long = "word " * 5_000
    assert kinds(changes(long, long + "more")) == ["changed"]
