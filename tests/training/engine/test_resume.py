"""A killed run ends with the same losses and the same weights, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine import runs
from training.engine.checkpoints import file_hash

ROWS = runs.random_rows(16, seed=4)


def tiny_run(folder: Path, algorithm: str, model: Path, **config: Any) -> Path:
    settings = {"batch_size": 2, "learning_rate": 1e-3, "checkpoint_every": 2, **config}
    return runs.make_run(
        folder, algorithm, {"policy": model}, settings, train=ROWS[:12], test=ROWS[12:]
    )


def kill_and_resume(template: Path, work: Path, *options: str) -> list[dict[str, Any]]:
    work.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.training.engine.killer", template, work, *options],
        cwd=runs.REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"k"')]
    assert {line["killed"] for line in lines} == {-signal.SIGKILL}
    assert [line for line in lines if line["resumed"] != 0] == []
    assert [line for line in lines if not line["equal"]] == []
    assert [line for line in lines if line["lost"]] == []
    assert [line for line in lines if line["leftovers"]] == []
    return lines


def test_a_run_killed_at_any_file_event_of_a_save_resumes_to_the_same_end(
    tiny: Path, tmp_path: Path
) -> None:
    template = tiny_run(tmp_path / "run", "dpo", tiny, max_steps=3)
    lines = kill_and_resume(template, tmp_path / "work")
    befores = [line["before"] for line in lines]
    assert befores.count("fsync") >= 6  # three files, the manifest, the folder, its parent
    assert befores.count("os.rename") == 1
    assert {"emit save", "open", "os.mkdir", "emit checkpoint"} <= set(befores)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("algorithm", ["reward", "dpo"])
def test_a_run_killed_at_any_file_event_resumes_to_the_same_end(
    algorithm: str, tiny: Path, tmp_path: Path
) -> None:
    template = tiny_run(tmp_path / "run", algorithm, tiny, max_steps=9)  # the fifth save prunes
    lines = kill_and_resume(template, tmp_path / "work", "all")
    assert {"emit train", "emit metrics", "emit result", "shutil.rmtree"} <= {
        line["before"] for line in lines
    }


def test_a_process_killed_twice_resumes_to_the_same_end(tiny: Path, tmp_path: Path) -> None:
    algorithm, config = "reward", {"epochs": 4, "lora_rank": 4, "checkpoint_every": 3}
    peace = tiny_run(tmp_path / "peace", algorithm, tiny, **config)
    assert runs.start(peace).wait() == 0
    folder = tiny_run(tmp_path / "run", algorithm, tiny, **config)
    for attempt, step in ((1, 5), (2, 13)):
        process = runs.start(folder, "--attempt", str(attempt))
        deadline = time.monotonic() + 120
        while not any(s >= step for s in runs.losses(folder, [attempt])):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert runs.start(folder, "--attempt", "3").wait() == 0
    assert runs.losses(folder, [1, 2, 3]) == runs.losses(peace)
    for name in ("weights.safetensors", "optimizer.safetensors", "model/model.safetensors"):
        ended, expected = (f / "checkpoints" / "final" / name for f in (folder, peace))
        assert file_hash(ended) == file_hash(expected), name
    assert min(runs.losses(folder, [3])) > 9  # it went on, and did not start again
