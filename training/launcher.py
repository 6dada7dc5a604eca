"""The engine as a child process: start it, ask it to stop, make sure that nothing of it stays.

The child leads a session and process group of its own. It reads from a pipe that only its
supervisor holds: when the supervisor dies, however it dies, the pipe closes and the engine exits.
"""

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from training.engine.rundir import RunDir

TERM_SECONDS = 10.0  # from SIGTERM to SIGKILL
NICENESS = 5  # people's pages come before training on a shared machine
SECRETS = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL")  # a model's process needs none of them


class FolderBusy(RuntimeError):
    """A process of an earlier attempt still works in the run's folder."""


class Engine:
    """One attempt's child process."""

    def __init__(self, run_dir: RunDir, command: Sequence[str] | None = None) -> None:
        self.run_dir = run_dir
        run_dir.attempt_dir.mkdir(parents=True, exist_ok=True)
        arguments = [str(run_dir.path), "--attempt", str(run_dir.attempt), "--supervised"]
        environment = {name: text for name, text in os.environ.items() if name not in SECRETS}
        environment |= {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}
        with run_dir.output_path.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*(command or settings.ENGINE_COMMAND), *arguments],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=settings.BASE_DIR,
                env=environment,
                start_new_session=True,
            )
        os.setpriority(os.PRIO_PGRP, self.process.pid, NICENESS)

    def poll(self, wait: float) -> int | None:
        """The exit code, or None if it still runs after `wait` seconds."""
        try:
            return self.process.wait(timeout=wait)
        except subprocess.TimeoutExpired:
            return None

    def ask_to_stop(self) -> None:
        """Let it finish the step in hand, save and exit."""
        (self.run_dir.path / "stop").touch()

    def end(self) -> None:
        """Leave no process of the group: SIGTERM, then SIGKILL."""
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            self.poll(TERM_SECONDS)
        self._signal(signal.SIGKILL)  # also what a leader that is gone has left behind
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def wait_until_free(run_dir: RunDir, seconds: float) -> None:
    """Wait for the engine of an earlier attempt to let go of the folder; raise FolderBusy."""
    until = time.monotonic() + seconds
    handle = os.open(run_dir.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise FolderBusy(
                        "Another process still works in the run's folder. End it, then resume."
                    ) from None
                time.sleep(0.2)
            else:
                return
    finally:
        os.close(handle)


def log_tail(path: Path, lines: int = 40) -> str:
    """The last lines of an output.log, progress bars reduced to their last state."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 400 * lines))
        text = file.read().decode("utf-8", "replace").replace("\x00", "\ufffd")
    shown = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n")]
    return "\n".join(shown[-lines - 1 :]).strip("\n")
