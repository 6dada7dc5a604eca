"""Freeze judgements into files, and put them into a run's folder.

A snapshot is `train.jsonl` and `test.jsonl`, one group a line in order of item id, and
`manifest.json` with the SHA-256 and the counts of both, the filters, and what several answers to an
item became in it, by whose reliability and weight. Files are written aside and renamed, so a
snapshot is complete or not there.
"""

import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from annotation.arrays import Ints
from annotation.exports import rows
from annotation.exports.merging import merging_of
from annotation.exports.writer import one_moment
from annotation.models import Project, Prompt
from training.engine.rundir import RunDir
from training.models import Run, Snapshot

SPLITS = ("train", "test")
OPENING = b'{"annotations": '  # of a line of a snapshot


class SnapshotAltered(RuntimeError):
    """The files of a snapshot are not the ones that were frozen."""


@dataclass(frozen=True)
class Frozen:
    """A snapshot's files before it has a number: in a temporary folder."""

    folder: Path
    sha256: str
    counts: dict[str, dict[str, int]]


def freeze(project: Project, filters: dict[str, Any]) -> Frozen:
    """Write the current answers of a project, as they stand at one moment, into a new folder.

    `filters` as `clean_filters` gives them.
    """
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=settings.SNAPSHOTS_DIR))
    files = {}
    with one_moment():
        merging = merging_of(project, filters)
        for split in SPLITS:
            groups = rows.groups(project, split=split, filters=filters, merging=merging)
            files[split] = write_rows(folder / f"{split}.jsonl", groups)
        manifest = {f"{split}.jsonl": facts for split, facts in files.items()}
        manifest |= {"filters": filters, "merging": merging.facts(project)}
    text = json.dumps(manifest, indent=1, sort_keys=True)
    write_whole(folder / "manifest.json", text)
    counts = {split: facts["counts"] for split, facts in files.items()}
    return Frozen(folder, hashlib.sha256(text.encode()).hexdigest(), counts)


def write_rows(path: Path, groups: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Write one group a line; return the file's SHA-256 and what it holds."""
    digest = hashlib.sha256()
    counts = {"groups": 0, "pairs": 0, "annotations": 0}
    with path.open("wb") as file:
        for group in groups:
            line = json.dumps(group, sort_keys=True).encode() + b"\n"
            file.write(line)
            digest.update(line)
            counts["groups"] += 1
            counts["pairs"] += len(group["preferences"])
            counts["annotations"] += len(group["annotations"])
        file.flush()
        os.fsync(file.fileno())
    return {"sha256": digest.hexdigest(), "counts": counts}


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that it is there completely or not at all."""
    aside = path.with_name(f".{path.name}.tmp")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.rename(path)


def copy_snapshot(snapshot: Snapshot, run_dir: RunDir) -> None:
    """Copy the frozen rows into a run's folder; raise SnapshotAltered if they have changed."""
    text = (snapshot.path / "manifest.json").read_text(encoding="utf-8")
    if hashlib.sha256(text.encode()).hexdigest() != snapshot.sha256:
        raise SnapshotAltered(
            f"Snapshot {snapshot.number} was altered: its manifest has another hash."
        )
    manifest = json.loads(text)
    for split in SPLITS:
        target = run_dir.data_path(split)
        shutil.copyfile(snapshot.path / f"{split}.jsonl", target)
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != manifest[f"{split}.jsonl"]["sha256"]:
            raise SnapshotAltered(f"Snapshot {snapshot.number} was altered: {split}.jsonl differs.")


def annotations_of(snapshot: Snapshot, split: str) -> Ints:
    """The keys of the answers that a split of a snapshot was made of; OSError where it is gone."""
    keys: list[int] = []
    with (snapshot.path / f"{split}.jsonl").open("rb") as file:
        for line in file:
            # keys are sorted, so this one comes first: the texts behind it need not be read
            end = line.find(b"]") + 1
            keys += json.loads(line[len(OPENING) : end] if line.startswith(OPENING) else b"[]")
    return np.array(keys, dtype=np.int64)


def write_prompts(run: Run, run_dir: RunDir, *, n: int, max_prompts: int) -> int:
    """Write what a sampling run is to answer; return the number of prompts.

    The opponent answers anew: responses it gave under other settings (another temperature, say)
    would make the comparison one of settings.
    """
    chosen = choose_prompts(run.project, max_prompts, seed=f"{run.pk}")
    with run_dir.data_path("prompts").open("w", encoding="utf-8") as file:
        for prompt in chosen:
            row = {"prompt_id": prompt.pk, "messages": prompt.messages, "n": n}
            file.write(json.dumps(row | {"model": "policy"}) + "\n")
            if run.opponent:
                file.write(json.dumps(row | {"model": "opponent"}) + "\n")
    return len(chosen)


def choose_prompts(project: Project, most: int, seed: str) -> list[Prompt]:
    """At most `most` prompts in order of id: half from the test split, as far as there are."""
    ids: dict[str, list[int]] = {split: [] for split in SPLITS}
    for pk, split in project.prompts.order_by("pk").values_list("pk", "split").iterator():
        ids[split].append(pk)
    for split in SPLITS:
        random.Random(f"{seed}:{split}").shuffle(ids[split])  # noqa: S311 - fair, not secret
    from_test = min(len(ids["test"]), max(most // 2, most - len(ids["train"])))
    chosen = ids["test"][:from_test] + ids["train"][: most - from_test]
    return list(in_order(project, chosen))


def in_order(project: Project, chosen: list[int]) -> Iterator[Prompt]:
    chosen = sorted(chosen)
    for start in range(0, len(chosen), 500):  # SQLite bounds the variables of a statement
        yield from project.prompts.filter(pk__in=chosen[start : start + 500]).order_by("pk")
