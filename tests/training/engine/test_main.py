"""The process: its arguments, its exit code, its lock, its supervisor, its stop file."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine import runs
from training.engine.rundir import RunDir

pytestmark = pytest.mark.processes

ROWS = runs.random_rows(12)
LONG = {"epochs": 1000, "batch_size": 2, "learning_rate": 1e-4, "checkpoint_every": 0}


def training_run(folder: Path, model: Path, **config: Any) -> Path:
    return runs.make_run(folder, "reward", {"policy": model}, {**LONG, **config}, train=ROWS)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the engine ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_stops_when_asked_and_goes_on_where_it_was(tiny: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny)
    process = runs.start(folder)
    wait_for(lambda: len(runs.losses(folder)) >= 2, process)

    second = runs.start(folder, stderr=subprocess.PIPE)  # the folder is taken
    _, complaint = second.communicate()
    assert second.returncode != 0
    assert b"RunDirBusy" in complaint
    assert process.poll() is None
    assert RunDir(folder).last_attempt() == 1  # it left no trace

    (folder / "stop").touch()
    assert process.wait(timeout=60) == 0
    result = runs.result(folder)
    last = max(runs.losses(folder))
    assert result == {"stopped": True, "step": last}
    (saved,) = runs.events(folder, 1, "checkpoint")
    assert (saved["step"], saved["is_final"]) == (last, False)

    (folder / "stop").unlink()
    process = runs.start(folder)  # without a number: the next attempt
    wait_for(lambda: runs.losses(folder, [2]), process)
    (folder / "stop").touch()
    assert process.wait(timeout=60) == 0
    assert min(runs.losses(folder, [2])) == last + 1


def test_it_ends_with_its_supervisor(tiny: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny)
    process = runs.start(folder, "--attempt", "3", "--supervised", stdin=subprocess.PIPE)
    wait_for(lambda: runs.losses(folder, [3]), process)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=10) == 70
    versions = runs.events(folder, 3, "versions")[0]["values"]
    assert {"torch", "transformers", "python"} <= versions.keys()


def test_it_fails_with_a_traceback_that_names_the_field(tiny: Path, tmp_path: Path) -> None:
    folder = training_run(tmp_path / "run", tiny, learning_rate=-1)
    process = runs.start(folder, stderr=subprocess.PIPE)
    _, complaint = process.communicate()
    assert process.returncode != 0
    assert b"ConfigError: learning_rate: must be positive" in complaint
    assert runs.events(folder, 1, "result") == []
