"""Kill a run at its file events and resume it: `python -m …killer RUN_DIR WORK_DIR [all]`.

A file event is a file opened for writing, a folder made, a rename, a deletion, an fsync or an event
written, below the run's folder. The run is first carried out in peace; then, for each of its events
k (without `all`: those of its first save), a fresh copy is killed with SIGKILL right before its
k-th event, and resumed. One JSON line per k says what became of it.

Runs in forked children of one warm process, since loading torch takes longer than a tiny run;
nothing is computed before the fork, so no threads are lost in it.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.training.engine import runs
from training.engine.checkpoints import file_hash
from training.engine.rundir import RunDir

FILE_EVENTS = {"os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree"}
WRITING = os.O_WRONLY | os.O_RDWR


class Countdown:
    """Ends this process, as a power cut would, right before its k-th file event."""

    def __init__(self, folder: Path, k: int = 0) -> None:
        self.folder, self.k = str(folder), k
        self.seen: list[str] = []

    def count(self, name: str) -> None:
        self.seen.append(name)
        if len(self.seen) == self.k:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        sys.addaudithook(self.audit)
        fsync, emit = os.fsync, RunDir.emit

        def counted_fsync(handle: int) -> None:
            self.count("fsync")
            fsync(handle)

        def counted_emit(run: RunDir, event: str, **fields: Any) -> None:
            self.count(f"emit {fields.get('name', event)}")
            emit(run, event, **fields)

        os.fsync = counted_fsync
        RunDir.emit = counted_emit

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        writes = event in FILE_EVENTS or (event == "open" and int(arguments[2] or 0) & WRITING)
        if writes and str(arguments[0]).startswith(self.folder):
            self.count(event)


def in_child(body: Callable[[], object]) -> int:
    """Carry `body` out in a forked child; the exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            body()
        except BaseException as error:  # noqa: BLE001 (the child must never return)
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def outcome(folder: Path, attempts: list[int]) -> dict[str, Any]:
    final = folder / "checkpoints" / "final"
    return {
        "losses": runs.losses(folder, attempts),
        "weights": file_hash(final / "weights.safetensors"),
        "optimizer": file_hash(final / "optimizer.safetensors"),
        "model": file_hash(final / "model" / "model.safetensors"),
        "result": {
            name: value
            for name, value in runs.result(folder, attempts[-1]).items()
            if not name.startswith("peak_")
        },
    }


def carried_out(folder: Path, attempt: int = 1, kill_at: int = 0) -> None:
    countdown = Countdown(folder, kill_at)
    countdown.install()
    runs.carry_out(folder, attempt)
    (folder / "seen.json").write_text(json.dumps(countdown.seen))


def first_save(seen: list[str]) -> range:
    """From the report that a save begins to the report after it."""
    start = seen.index("emit save")
    announced = seen.index("emit checkpoint", start)
    end = next(i for i in range(announced + 1, len(seen)) if seen[i].startswith("emit"))
    return range(start + 1, end + 2)  # counted from 1


def main(template: Path, work: Path, everything: bool) -> None:
    torch.set_num_threads(1)
    peace = Path(shutil.copytree(template, work / "peace"))
    assert in_child(partial(carried_out, peace)) == 0
    expected = outcome(peace, [1])
    seen = json.loads((peace / "seen.json").read_text())
    for k in range(1, len(seen) + 1) if everything else first_save(seen):
        folder = Path(shutil.copytree(template, work / "killed"))
        status = in_child(partial(carried_out, folder, kill_at=k))
        announced = [event["step"] for event in runs.events(folder, 1, "checkpoint")]
        resumed = in_child(partial(carried_out, folder, 2))
        line = {"k": k, "before": seen[k - 1], "killed": status, "resumed": resumed}
        if resumed == 0:
            line["equal"] = outcome(folder, [1, 2]) == expected
            steps = list(runs.losses(folder, [2]))
            line["lost"] = bool(announced and steps and min(steps) <= max(announced))
            line["leftovers"] = [path.name for path in (folder / "checkpoints").glob(".*")]
        print(json.dumps(line), flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), everything="all" in sys.argv[3:])
