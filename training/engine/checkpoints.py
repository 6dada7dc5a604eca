"""Checkpoints that are complete or not there.

    checkpoints/step-000120/        checkpoints/final/
      weights.safetensors             the same, and
      optimizer.safetensors           model/  a complete Hugging Face folder
      state.json    step, epoch, index, random state, metrics so far
      manifest.json identity, attempt, step, size and SHA-256 of every file

A save is written into a `.tmp` folder on the same file system, every file and folder is fsynced,
the manifest comes last, then one rename, then the parent is fsynced. Whoever reads checks sizes and
hashes, and falls back to the previous checkpoint. Nothing old is deleted before the new one has
been read back. A crash-consistency study of resuming in the usual libraries found that most saves
that are interrupted cannot be resumed from; this order is why ours can.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.engine.rundir import RunDir

FORMAT = 1
FINAL = "final"
MANIFEST = "manifest.json"
SPARE_BYTES = 64 * 2**20  # left free on the disk whatever happens
STEP_FOLDER = re.compile(r"^step-(\d{6,})$")


class Damaged(ValueError):
    """A checkpoint that is incomplete, altered, or of another run; the message says which."""


class NotSaved(RuntimeError):
    """A checkpoint could not be written, most often for want of room; older ones are untouched."""


@dataclass
class Progress:
    """Where a run stands: everything besides tensors that resuming needs."""

    step: int = 0
    epoch: int = 0
    index: int = 0
    """The next batch of the epoch."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What was measured once and goes into the result, such as the evaluation before training."""


@dataclass
class Restored:
    path: Path
    progress: Progress
    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    manifest: dict[str, Any]

    @property
    def is_final(self) -> bool:
        return self.path.name == FINAL


def identity(config: dict[str, Any], weights: dict[str, str], data: dict[str, str]) -> str:
    """A hash of what a checkpoint belongs to: the run's number, settings, start and data."""
    text = json.dumps(
        {
            "run": config.get("run"),
            "algorithm": config["algorithm"],
            "config": config["config"],
            "weights": weights,
            "data": data,
        },
        sort_keys=True,
    )
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()


# --- writing ------------------------------------------------------------------------------------


def save(
    run: RunDir,
    name: str,
    identity: str,
    progress: Progress,
    weights: dict[str, Tensor],
    optimizer: dict[str, Tensor],
    save_model: Callable[[Path], None] | None = None,
) -> Path:
    """Write checkpoints/NAME; raise NotSaved, with nothing left behind."""
    run.checkpoints_dir.mkdir(parents=True, exist_ok=True)
    check_room(run.checkpoints_dir, weights, optimizer, twice=save_model is not None)
    partial = run.checkpoints_dir / f".{name}.tmp"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir()
        save_file(dense(weights), partial / "weights.safetensors")
        save_file(dense(optimizer), partial / "optimizer.safetensors")
        state = {**vars(progress), "random": torch.get_rng_state().tolist()}
        (partial / "state.json").write_text(json.dumps(state, allow_nan=False))
        if save_model is not None:
            save_model(partial / "model")
        sync_tree(partial)
        manifest = {
            "format": FORMAT,
            "identity": identity,
            "attempt": run.attempt,
            "step": progress.step,
            "files": dict(describe(partial)),
        }
        write_synced(partial / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True))
        sync_folder(partial)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise NotSaved(f"The checkpoint {name} could not be written: {error}") from error
    path = run.checkpoints_dir / name
    if path.exists():  # damaged, else it would have been resumed from
        discard(path)
    partial.rename(path)
    sync_folder(run.checkpoints_dir)
    return path


def check_room(
    folder: Path, weights: dict[str, Tensor], optimizer: dict[str, Tensor], twice: bool
) -> None:
    need = sum(t.nbytes for t in optimizer.values()) + SPARE_BYTES
    need += sum(t.nbytes for t in weights.values()) * (2 if twice else 1)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise NotSaved(
            f"A checkpoint needs {need / 2**30:.1f} GiB, but only {free / 2**30:.1f} GiB are free "
            f"at {folder}. Make room and resume the run."
        )


def dense(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.detach().contiguous().cpu() for name, t in tensors.items()}


def describe(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            name = path.relative_to(folder).as_posix()
            yield name, {"size": path.stat().st_size, "sha256": file_hash(path)}


def write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        else:
            sync_folder(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def discard(path: Path) -> None:
    """Delete a checkpoint so that a crash in between leaves nothing that looks like one."""
    aside = path.parent / f".{path.name}.old"
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    shutil.rmtree(aside)


# --- reading ------------------------------------------------------------------------------------


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a checkpoint whose files all have their size and hash; else Damaged."""
    try:
        manifest: dict[str, Any] = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        expected = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{path.name}: its manifest cannot be read ({error})") from error
    found = {
        file.relative_to(path).as_posix(): file
        for file in path.rglob("*")
        if file.is_file() and file.name != MANIFEST
    }
    if found.keys() != expected.keys():
        odd = ", ".join(sorted(found.keys() ^ expected.keys()))
        raise Damaged(f"{path.name}: files are missing or were added ({odd})")
    for name, file in found.items():
        if file.stat().st_size != expected[name]["size"]:
            raise Damaged(f"{path.name}: {name} has another size than when it was written")
        if file_hash(file) != expected[name]["sha256"]:
            raise Damaged(f"{path.name}: {name} was altered")
    return manifest


def verify(path: Path, identity: str) -> dict[str, Any]:
    """The manifest, or Damaged if the checkpoint is not whole or belongs to something else."""
    manifest = read_manifest(path)
    if manifest.get("format") != FORMAT:
        raise Damaged(f"{path.name}: written by another version of Prefloop")
    if manifest.get("identity") != identity:
        raise Damaged(f"{path.name}: belongs to another run, other settings, weights or data")
    return manifest


def candidates(run: RunDir) -> list[Path]:
    """Folders to resume from, newest first."""
    if not run.checkpoints_dir.is_dir():
        return []
    steps = [p for p in run.checkpoints_dir.iterdir() if STEP_FOLDER.match(p.name)]
    steps.sort(key=lambda p: int(p.name.removeprefix("step-")), reverse=True)
    final = run.checkpoints_dir / FINAL
    return [final, *steps] if final.is_dir() else steps


def load_latest(run: RunDir, identity: str, device: torch.device) -> Restored | None:
    """The newest checkpoint that is whole and of this run; says what it passes over."""
    for path in candidates(run):
        try:
            manifest = verify(path, identity)
        except Damaged as damage:
            print(f"Not resuming from {damage}", flush=True)
            continue
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        torch.set_rng_state(torch.tensor(state.pop("random"), dtype=torch.uint8))
        where = str(device)
        return Restored(
            path=path,
            progress=Progress(**state),
            weights=load_file(path / "weights.safetensors", device=where),
            optimizer=load_file(path / "optimizer.safetensors", device=where),
            manifest=manifest,
        )
    return None


# --- keeping ------------------------------------------------------------------------------------


def sweep(run: RunDir) -> None:
    """Remove what an interrupted save or deletion left behind. Only while holding the lock."""
    if run.checkpoints_dir.is_dir():
        for path in run.checkpoints_dir.iterdir():
            if path.name.startswith(".") and path.suffix in (".tmp", ".old"):
                shutil.rmtree(path)


def prune(run: RunDir, newest: Path, identity: str, keep: int) -> None:
    """Delete old checkpoints, never fewer than two left, once `newest` has been read back."""
    verify(newest, identity)
    steps = [path for path in candidates(run) if path.name != FINAL]
    for path in steps[max(keep, 2) :]:
        discard(path)


def announce(run: RunDir, path: Path, role: str, is_adapter: bool) -> None:
    """Tell the web application of a checkpoint that is completely written."""
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    run.emit(
        "checkpoint",
        step=manifest["step"],
        path=path.relative_to(run.path).as_posix(),
        role=role,
        is_final=path.name == FINAL,
        is_adapter=is_adapter,
        sha256=file_hash(path / MANIFEST),
        size_bytes=sum(file["size"] for file in manifest["files"].values()),
    )
