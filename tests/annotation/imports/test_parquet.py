"""Parquet: rows in order, and files that are damaged, hostile or only unusual."""

import json
import tracemalloc
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotation.imports import parquet
from annotation.imports.files import FileUnreadable, LineInvalid, records
from tests.annotation.imports.test_files import path, read

__all__ = ["path"]  # the fixture


def test_parquet_rows_are_numbered(path: Path) -> None:
    messages = [[{"role": "user", "content": f"question {n}"}] for n in range(700)]
    pq.write_table(pa.table({"messages": messages}), path, row_group_size=300)
    found = list(records(path, "prompts.parquet"))
    assert [number for number, _ in found] == list(range(1, 701))
    assert found[-1][1] == {"messages": [{"role": "user", "content": "question 699"}]}


def test_parquet_that_is_cut_off_or_damaged_is_refused(path: Path) -> None:
    pq.write_table(pa.table({"prompt": ["x" * 1000] * 10}), path, compression="none")
    whole = path.read_bytes()
    for content in (whole[:-4], whole[:-8], whole[:20], b"PAR1", b"PAR1" + b"\xff" * 4 + b"PAR1"):
        with pytest.raises(FileUnreadable):
            read(path, content, "prompts.parquet")
    with pytest.raises(FileUnreadable, match="not a Parquet file"):
        read(path, json.dumps({"prompt": "x"}).encode(), "prompts.parquet")


def test_parquet_with_an_extension_type_is_refused(path: Path) -> None:
    column = pa.array(["{}"], pa.json_())
    pq.write_table(pa.table({"prompt": column}), path)
    with pytest.raises(FileUnreadable, match="extension type"):
        list(records(path))


def test_parquet_row_groups_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_ROW_GROUP_BYTES", 1000)
    pq.write_table(pa.table({"prompt": [str(n) * 50 for n in range(100)]}), path)
    with pytest.raises(FileUnreadable, match="smaller row groups"):
        list(records(path))


def test_a_text_said_many_times_over_stays_small(path: Path) -> None:
    """600 bytes that say 4 MB three hundred times, 1.2 GB in all: one row after the other."""
    said = pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), ["a" * 4_000_000])
    table = pa.table({"prompt": said.cast(pa.string())})
    options = {"dictionary_pagesize_limit": 2**30, "data_page_size": 2**31 - 1}
    pq.write_table(table, path, compression="zstd", write_batch_size=300, **options)
    del table, said
    assert path.stat().st_size < 1000
    tracemalloc.start()
    count = sum(len(record["prompt"]) == 4_000_000 for _, record in records(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300
    assert peak < 200 * 2**20
    assert pa.total_allocated_bytes() < 200 * 2**20


def test_a_list_of_many_nothings_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MAX_VALUES", 100_000)
    pq.write_table(pa.table({"prompt": pa.array([[None] * 100_001], pa.list_(pa.int8()))}), path)
    with pytest.raises(FileUnreadable, match=r"more than 100,000 values of prompt\.list\.element"):
        list(records(path))


def test_a_row_that_is_too_large_is_passed_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MAX_RECORD_BYTES", 10_000)
    monkeypatch.setattr(parquet, "BATCH_BYTES", 20_000)
    messages = [[{"content": "x" * 90}], [{"content": "y" * 90}] * 500, [{"content": "z"}]]
    pq.write_table(pa.table({"messages": messages}), path)
    found = list(records(path))
    assert [number for number, _ in found] == [1, 2, 3]
    assert isinstance(found[1][1], LineInvalid)
    assert "The row takes more than" in str(found[1][1])
    assert (found[0][1], found[2][1]) == ({"messages": messages[0]}, {"messages": messages[2]})


def test_what_unpacks_to_far_more_than_its_size_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "RATIO_ALLOWANCE", 2**20)
    table = pa.table({"prompt": ["a" * 5_000_000]})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    with pytest.raises(FileUnreadable, match="200 times its size"):
        list(records(path))


def test_a_value_that_python_has_no_date_for_is_one_invalid_row(path: Path) -> None:
    days = pa.array([20_000, 2**30, 20_001], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"prompt": ["a", "b", "c"], "day": days}), path)
    found = [record for _, record in records(path)]
    assert found[0] == {"prompt": "a", "day": date(2024, 10, 4)}
    assert isinstance(found[1], LineInvalid)
    assert str(found[1]).startswith("A value of the row cannot be read: ")
    assert found[2] == {"prompt": "c", "day": date(2024, 10, 5)}


def test_parquet_columns_are_named_once(path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["prompt", "prompt"])
    pq.write_table(table, path)
    with pytest.raises(FileUnreadable, match="names a column twice"):
        list(records(path))


def test_values_of_all_kinds_come_through(path: Path) -> None:
    rows = [
        {"text": "ä", "list": ["a", None], "nested": [{"k": {"v": "x"}}], "n": 1, "f": 0.5},
        {"text": None, "list": [], "nested": None, "n": None, "f": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    assert [record for _, record in records(path)] == rows
    maps = pa.array([[("k", "v")], None], pa.map_(pa.string(), pa.string()))
    pq.write_table(pa.table({"map": maps, "raw": pa.array([b"x", None])}), path)
    assert [record for _, record in records(path)] == [
        {"map": [("k", "v")], "raw": b"x"},
        {"map": None, "raw": None},
    ]
