"""`make bench` understands what it is asked; what it measures takes minutes and is not run here."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("tasks", [[], ["reward", "dpo"]])
def test_tasks_may_be_named_or_not(tasks: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", *tasks, "--model", str(tmp_path / "no_model")]
    done = subprocess.run(command, capture_output=True, text=True)
    # It gets as far as the model, which is not there.
    assert "usage:" not in done.stderr
    assert "is not a model folder" in done.stderr
