"""SIGKILL of the worker alone: its engine ends by itself, and the next worker goes on cleanly."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes

WORKER = Path(__file__).with_name("lonely_worker.py")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "data").mkdir()
    return os.environ | {
        "TEST_DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
        "PREFLOOP_TEST_DATA": str(tmp_path / "data"),
    }


@pytest.fixture
def worker(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, WORKER, "begin"], env=environment, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()


def wait_for(condition: object, seconds: float) -> bool:
    assert callable(condition)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


def engines_in(folder: Path) -> list[int]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in command:
            found.append(int(pid))
    return found


def test_no_engine_outlives_its_worker_and_the_next_one_goes_on(
    worker: "subprocess.Popen[str]", environment: dict[str, str], tmp_path: Path
) -> None:
    assert worker.stdout is not None
    run = worker.stdout.readline().strip()
    assert run, "the worker did not get as far as making a run"
    folder = tmp_path / "data" / "runs" / run
    saved = folder / "saved"
    assert wait_for(lambda: saved.exists() and int(saved.read_text() or 0) > 5, 60)
    assert len(engines_in(folder)) == 1

    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert wait_for(lambda: not engines_in(folder), 10), "the engine outlived its worker"
    written = (folder / "attempts" / "1" / "events.jsonl").read_bytes()

    subprocess.run([sys.executable, WORKER, "again"], env=environment, check=True, timeout=120)
    assert (folder / "attempts" / "1" / "events.jsonl").read_bytes() == written
    database = sqlite3.connect(tmp_path / "db.sqlite3")
    row = "SELECT status, attempt, losses FROM training_run WHERE id = ?"
    assert database.execute(row, [run]).fetchone() == ("finished", 2, 1)
    steps = "SELECT step, COUNT(*) FROM training_metric WHERE name = 'loss' GROUP BY step"
    counted = database.execute(steps).fetchall()
    assert [step for step, _ in counted] == list(range(1, len(counted) + 1)), "no step is missing"
    assert {times for _, times in counted} == {1}, "no step is there twice"
    writers = "SELECT step, value FROM training_metric WHERE name = 'attempt' ORDER BY step"
    attempts = [value for _, value in database.execute(writers)]
    assert attempts == sorted(attempts), "the first attempt wrote nothing after the second began"
    assert set(attempts) == {1.0, 2.0}
