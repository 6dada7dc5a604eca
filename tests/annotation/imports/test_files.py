"""Nothing in a file can crash the reader or fill the memory; every bad line has its number."""

import gzip
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.imports import files
from annotation.imports.files import FileUnreadable, LineInvalid, Record, records


def read(path: Path, content: bytes, name: str = "") -> list[tuple[int, Record | str]]:
    """(line, record or reason)."""
    path.write_bytes(content)
    return [
        (line, str(record) if isinstance(record, LineInvalid) else record)
        for line, record in records(path, name)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def test_json_lines_keep_their_numbers(path: Path) -> None:
    content = b'\xef\xbb\xbf{"prompt": "one"}\r\n\n   \n{"prompt": "two"}'
    assert read(path, content) == [(1, {"prompt": "one"}), (4, {"prompt": "two"})]


def test_gzip_is_known_by_its_first_bytes(path: Path) -> None:
    content = gzip.compress(b'{"prompt": "one"}\n')
    assert read(path, content, "prompts.jsonl.gz") == [(1, {"prompt": "one"})]
    assert read(path, content, "prompts.jsonl") == [(1, {"prompt": "one"})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"prompt": "cut', "Not valid JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"prompt": "\\ud800"}', "Not valid JSON"),
        (b'{"prompt": "\xff"}', "Not valid JSON"),
        (b"[" * 100_000, "Not valid JSON"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "Not valid JSON"),
        (b'{"n": NaN}', "Not valid JSON"),
        (b'{"prompt": "' + b"x" * files.MAX_LINE_BYTES + b'"}', "longer than 4 MiB"),
    ],
)
def test_a_bad_line_is_refused_and_the_next_one_read(line: bytes, reason: str, path: Path) -> None:
    found = read(path, b'{"n": 1}\n' + line + b'\n{"n": 3}\n')
    assert [number for number, _ in found] == [1, 2, 3]
    assert reason in str(found[1][1])
    assert (found[0][1], found[2][1]) == ({"n": 1}, {"n": 3})


def test_a_last_line_without_an_end_that_is_too_long_ends_the_file(path: Path) -> None:
    found = read(path, b'{"n": 1}\n' + b"x" * (2 * files.MAX_LINE_BYTES + 7))
    assert [number for number, _ in found] == [1, 2]


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=400))
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet", "a.jsonl.gz"])
def test_any_bytes_are_read_or_refused(
    content: bytes, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "upload"
    for prefix in (b"", b"prompt\n", b"PAR1", b"\x1f\x8b\x08\x00"):
        with suppress(FileUnreadable):
            numbers = [number for number, _ in read(path, prefix + content, name)]
            assert numbers == sorted(set(numbers))


def test_csv_has_columns_and_records_over_several_lines(path: Path) -> None:
    content = b'prompt,category\r\n"one, ""two""\nthree",science\r\n\r\nfour,\r\n'
    assert read(path, content, "prompts.csv") == [
        (2, {"prompt": 'one, "two"\nthree', "category": "science"}),
        (5, {"prompt": "four", "category": ""}),
    ]


def test_bad_csv_lines_are_refused_and_the_next_ones_read(path: Path) -> None:
    content = b'prompt,category\na,b,c\nonly\n"x"y,z\nfine,b\n'
    found = read(path, content, "prompts.csv")
    assert [number for number, _ in found] == [2, 3, 4, 5]
    assert "3 fields" in str(found[0][1])
    assert "Not valid CSV" in str(found[2][1])
    assert found[3][1] == {"prompt": "fine", "category": "b"}


def test_an_open_quote_ends_at_the_limit_and_not_in_the_memory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_RECORD_BYTES", 1000)
    content = b'prompt\n"open' + b"x" * 90 + b"\n" + b"y\n" * 2000
    found = read(path, content, "prompts.csv")
    assert found[0] == (2, files.TOO_LONG)
    assert found[-1] == (2002, {"prompt": "y"})


def test_csv_columns_are_named_once(path: Path) -> None:
    with pytest.raises(FileUnreadable, match="twice"):
        read(path, b"prompt,prompt\na,b\n", "prompts.csv")


def test_a_packed_bomb_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "UNPACKED_ALLOWANCE", 2**20)
    content = gzip.compress(b"\n" * 2**24)
    with pytest.raises(FileUnreadable, match="unpacks to more than"):
        read(path, content, "bomb.jsonl.gz")


def test_a_packed_file_that_is_cut_off_is_refused_after_what_could_be_read(path: Path) -> None:
    path.write_bytes(gzip.compress(b'{"n": 1}\n' * 1000, mtime=0)[:-12])
    stream = records(path, "cut.jsonl.gz")
    with pytest.raises(FileUnreadable, match="damaged"):
        list(stream)


def test_text_that_is_not_utf_8_says_so(path: Path) -> None:
    content = "prompt,note\nfine,1\nun café,2\nfine,3\n".encode("latin-1")
    found = read(path, content, "prompts.csv")
    assert found[1] == (3, "The line is not UTF-8. Save the file as UTF-8, then import it again.")
    assert [number for number, _ in found] == [2, 3, 4]
    with pytest.raises(FileUnreadable, match="first line is not UTF-8"):
        read(path, "prömpt\nfine\n".encode("latin-1"), "prompts.csv")
