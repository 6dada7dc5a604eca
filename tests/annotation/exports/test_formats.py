"""Every export format: what it says, and that the loaders of others take it as it is."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from annotation.exports import EXPORTS, SUFFIXES
from annotation.exports.writer import ExportRefused, manifest_path, write_export
from annotation.models import Project
from annotation.pseudonyms import pseudonym
from tests.builders import make_annotation, make_item, make_member

pytestmark = pytest.mark.django_db


def read(path: Path, suffix: str) -> list[dict[str, Any]]:
    if suffix == "parquet":
        return pq.read_table(path).to_pylist()
    loaded = datasets.load_dataset(
        "json", data_files=str(path), split="train", cache_dir=str(path.parent / "cache")
    )
    return list(loaded)


def written(project: Project, folder: Path, format_slug: str, suffix: str = "jsonl") -> Any:
    path = folder / f"{format_slug}.{suffix}"
    manifest = write_export(project, format_slug, path)
    return path, manifest


@pytest.mark.parametrize("format_slug", EXPORTS)
def test_every_suffix_holds_the_same_rows_and_exactly_the_columns(
    format_slug: str, whole_project: Project, tmp_path: Path
) -> None:
    contents = []
    for suffix in SUFFIXES:
        path, manifest = written(whole_project, tmp_path, format_slug, suffix)
        rows = read(path, suffix)
        assert len(rows) == manifest["rows"] > 0
        assert all(list(row) == EXPORTS[format_slug].SCHEMA.names for row in rows)
        contents.append(rows)
    assert contents[0] == contents[1] == contents[2]


@pytest.mark.parametrize("format_slug", EXPORTS)
@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "parquet"])
def test_equal_data_gives_equal_bytes(
    format_slug: str, suffix: str, whole_project: Project, tmp_path: Path
) -> None:
    path, first = written(whole_project, tmp_path, format_slug, suffix)
    again, second = written(whole_project, tmp_path, format_slug, suffix)
    assert first["sha256"] == second["sha256"]
    assert first["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_trl_preference_keeps_the_prompt_apart(judged_project: Project, tmp_path: Path) -> None:
    path, manifest = written(judged_project, tmp_path, "trl_preference")
    rows = read(path, "jsonl")
    assert rows[1]["prompt"] == [
        {"role": "user", "content": "Hi 1"},
        {"role": "assistant", "content": "Hello! How can I help?"},
        {"role": "user", "content": "Count to 1."},
    ]
    assert rows[1]["chosen"] == [{"role": "assistant", "content": "better 1"}]
    assert rows[1]["rejected"] == [{"role": "assistant", "content": "worse 1"}]
    assert (rows[1]["p"], rows[1]["strength"], rows[1]["weight"]) == (1.0, 2.0, 1.0)
    ranked = [(row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows[3:]]
    assert ranked == [("two", "one"), ("two", "three")]
    assert manifest["counts"] == {"items": 5, "items_without_preference": 1, "ties_left_out": 2}


def test_trl_implicit_repeats_the_opening(judged_project: Project, tmp_path: Path) -> None:
    path, _ = written(judged_project, tmp_path, "trl_implicit")
    row = read(path, "jsonl")[0]
    assert row["chosen"][:-1] == row["rejected"][:-1]
    assert len(row["chosen"]) == 4
    assert row["chosen"][-1] == {"role": "assistant", "content": "better 0"}


def test_a_vote_for_the_second_response_swaps_the_pair(project: Project, tmp_path: Path) -> None:
    make_annotation(make_item(project, ["first", "second"]), strength=-3)
    path, _ = written(project, tmp_path, "trl_preference")
    (row,) = read(path, "jsonl")
    assert row["chosen"][0]["content"] == "second"
    assert row["p"] == 1.0


def test_trl_unpaired_has_one_row_a_labelled_response(
    whole_project: Project, tmp_path: Path
) -> None:
    path, manifest = written(whole_project, tmp_path, "trl_unpaired", "parquet")
    bad, also_bad, good, worse = read(path, "parquet")
    assert [row["label"] for row in (bad, also_bad)] == [False, False]  # both bad
    assert good["prompt"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Name a prime."},
    ]
    assert good["completion"] == [{"role": "assistant", "content": "Seven."}]
    assert (good["label"], good["p"], good["weight"], good["source"]) == (True, 1.0, 2.0, "new")
    assert (worse["completion"][0]["content"], worse["label"]) == ("Nine.", False)
    assert manifest["counts"] == {"items": 2, "items_without_label": 7, "ties_left_out": 1}


def test_the_majority_decides_a_label(project: Project, tmp_path: Path) -> None:
    item = make_item(project, ["text"], task_type="thumbs", answers_wanted=3)
    for good in (True, False, True):
        make_annotation(item, answer={"good": good})
    path, _ = written(project, tmp_path, "trl_unpaired")
    (row,) = read(path, "jsonl")
    assert (row["label"], row["p"], row["weight"]) == (True, pytest.approx(2 / 3), 3.0)


def test_sft_messages_end_with_what_a_person_wrote(whole_project: Project, tmp_path: Path) -> None:
    path, manifest = written(whole_project, tmp_path, "sft_messages")
    new, edited = read(path, "jsonl")
    assert new["messages"] == [
        {"role": "user", "content": "Why is the sky blue?"},
        {"role": "assistant", "content": "Air scatters blue most."},
    ]
    assert (new["edited_source"], edited["edited_source"]) == (None, "new")
    assert edited["messages"][-1]["content"] == "It scatters."
    assert manifest["counts"] == {"edited": 1, "items": 2, "items_without_demonstration": 7}


def test_k_wise_keeps_the_ranking_the_pairs_and_every_vote(
    project: Project, tmp_path: Path
) -> None:
    texts, sources = ["a", "b", "c"], ["old", "new", "old"]
    item = make_item(project, texts, sources=sources, task_type="ranking", answers_wanted=2)
    people = [make_member(project), make_member(project)]
    make_annotation(item, people[0], answer={"groups": [[2], [0, 1]]})
    make_annotation(item, people[1], answer={"groups": [[2], [1], [0]]})
    make_annotation(make_item(project), both_bad=True)
    path, manifest = written(project, tmp_path, "k_wise", "parquet")
    (row,) = read(path, "parquet")
    assert (row["responses"], row["sources"]) == (texts, sources)
    assert row["groups"] == [[2], [1], [0]]
    assert row["votes"] == [
        {"annotator": pseudonym(project, people[0].pk), "groups": [[2], [0, 1]]},
        {"annotator": pseudonym(project, people[1].pk), "groups": [[2], [1], [0]]},
    ]
    pairs = [(p["a"], p["b"], p["p"]) for p in row["preferences"]]
    assert pairs == [(0, 1, pytest.approx(0.25)), (0, 2, 0.0), (1, 2, 0.0)]
    # Each of the two answers spreads a weight of 1 over its three pairs.
    assert [p["weight"] for p in row["preferences"]] == pytest.approx([2 / 3] * 3)
    assert manifest["counts"] == {"items": 1, "items_without_preference": 1}


def test_k_wise_is_a_ranking_of_two_where_two_were_compared(
    judged_project: Project, tmp_path: Path
) -> None:
    path, manifest = written(judged_project, tmp_path, "k_wise")
    rows = read(path, "jsonl")
    assert [row["groups"] for row in rows] == [[[0], [1]]] * 3 + [[[0, 1]], [[1], [0, 2]]]
    assert manifest["rows"] == 5


def test_raw_has_one_row_a_vote(project: Project, tmp_path: Path) -> None:
    item = make_item(project, answers_wanted=2)
    people = [make_member(project), make_member(project)]
    make_annotation(item, people[0], strength=-1, rationale="shorter")
    make_annotation(item, people[1], both_bad=True)
    path, manifest = written(project, tmp_path, "raw")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["annotator"] for row in rows] == [pseudonym(project, user.pk) for user in people]
    assert rows[0]["preferences"] == [{"a": 0, "b": 1, "p": 0.0, "strength": 1.0, "weight": 1.0}]
    assert (rows[0]["rationale"], rows[0]["seconds"], rows[0]["guideline_version"]) == (
        "shorter",
        12.5,
        1,
    )
    assert sorted(rows[0]["display_order"]) == [0, 1]
    # Both bad is no preference between the two: it stays as two negatives.
    assert rows[1]["preferences"] == []
    assert rows[1]["unpaired"] == [
        {"response": 0, "label": False},
        {"response": 1, "label": False},
    ]
    assert manifest["counts"] == {"both_bad": 1, "items": 1}


def test_no_name_of_a_person_leaves_the_house(whole_project: Project, tmp_path: Path) -> None:
    names = {m.user.get_username() for m in whole_project.memberships.select_related("user")}
    assert names
    for format_slug in EXPORTS:
        path, _ = written(whole_project, tmp_path, format_slug)
        text = path.read_text() + manifest_path(path).read_text()
        assert not [name for name in names if name in text]


def test_the_manifest_stands_beside_the_file(judged_project: Project, tmp_path: Path) -> None:
    path, manifest = written(judged_project, tmp_path, "raw")
    assert json.loads(manifest_path(path).read_text()) == manifest
    assert manifest["rows"] == sum(manifest["splits"].values()) == 6
    assert [(g["version"], g["annotations"]) for g in manifest["guidelines"]] == [(1, 6)]
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, manifest_path(path).name]


def test_a_project_without_answers_gives_an_empty_file(project: Project, tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        path, manifest = written(project, tmp_path, "trl_preference", suffix)
        assert manifest["rows"] == 0
        assert path.exists()
    assert pq.read_table(tmp_path / "trl_preference.parquet").num_rows == 0


def test_a_write_that_fails_leaves_the_old_export_as_it_was(
    judged_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = written(judged_project, tmp_path, "raw")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full_disk(*args: object) -> Iterator[dict[str, Any]]:
        raise OSError(28, "No space left on device")
        yield

    monkeypatch.setattr(EXPORTS["raw"], "rows", full_disk)
    with pytest.raises(OSError, match="No space left"):
        write_export(judged_project, "raw", path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("format_slug", "name", "reason"),
    [
        ("csv", "x.jsonl", "not a format"),
        ("raw", "x.csv", "must end with"),
        ("raw", "missing/x.jsonl", "not a folder"),
    ],
)
def test_a_bad_wish_is_refused(
    format_slug: str, name: str, reason: str, project: Project, tmp_path: Path
) -> None:
    with pytest.raises(ExportRefused, match=reason):
        write_export(project, format_slug, tmp_path / name)
