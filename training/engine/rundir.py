"""A run's folder: the one place where the web application and the engine meet.

    RUN_DIR/
      config.json            {"run", "algorithm", "config": {…}, "models": {"policy": DIR, …}}
      data/*.jsonl           the frozen rows; see `training/engine/data.py`
      lock                   held (flock) by the engine that runs here
      stop                   its presence asks the engine to end after the step in hand
      attempts/N/events.jsonl    one JSON object a line, whole lines only
      attempts/N/output.log      stdout and stderr of the engine
      checkpoints/step-000120/   complete or not there; `manifest.json` is written last

Events, all with "event" and "time" (seconds since the epoch):

    phase       name, done, total, eta_seconds | null    what the run is doing
    metrics     step, values {name: float}
    sample      step, prompt_id, model, index, text, token_ids, logprob, is_truncated
    checkpoint  step, path (below RUN_DIR), role, is_final, is_adapter, sha256, size_bytes
    versions    values {package: version}
    result      metrics {name: number}

Standard library only: both sides import this module.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO


class RunDirBusy(RuntimeError):
    """Another engine holds this folder."""


class RunDir:
    def __init__(self, path: Path | str, attempt: int = 1) -> None:
        self.path = Path(path)
        self.attempt = attempt
        self._events: TextIO | None = None
        self._lock: int | None = None

    # --- layout -----------------------------------------------------------------------------

    @property
    def attempt_dir(self) -> Path:
        return self.path / "attempts" / str(self.attempt)

    @property
    def events_path(self) -> Path:
        return self.attempt_dir / "events.jsonl"

    @property
    def output_path(self) -> Path:
        return self.attempt_dir / "output.log"

    @property
    def checkpoints_dir(self) -> Path:
        return self.path / "checkpoints"

    def data_path(self, name: str) -> Path:
        return self.path / "data" / f"{name}.jsonl"

    def last_attempt(self) -> int:
        folder = self.path / "attempts"
        numbers = (
            [int(p.name) for p in folder.iterdir() if p.name.isdigit()] if folder.is_dir() else []
        )
        return max(numbers, default=0)

    # --- in -------------------------------------------------------------------------------

    def read_config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads((self.path / "config.json").read_text())
        return config

    def rows(self, name: str) -> Iterator[dict[str, Any]]:
        """The frozen rows of data/NAME.jsonl; none if there is no such file."""
        path = self.data_path(name)
        if path.exists():
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    yield json.loads(line)

    def stop_requested(self) -> bool:
        return (self.path / "stop").exists()

    # --- out ------------------------------------------------------------------------------

    def lock(self) -> None:
        """Hold the folder until this process ends; raise RunDirBusy if another one does."""
        self._lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunDirBusy(f"{self.path} is in use by another process") from None

    def emit(self, event: str, **fields: Any) -> None:
        """Append one event as one whole line, in one write."""
        if self._events is None:
            self.attempt_dir.mkdir(parents=True, exist_ok=True)
            self._events = self.events_path.open("a", encoding="utf-8")
        line = json.dumps({"event": event, "time": time.time(), **fields}, allow_nan=False)
        self._events.write(line + "\n")
        self._events.flush()

    def phase(
        self, name: str, done: int = 0, total: int = 0, eta_seconds: float | None = None
    ) -> None:
        self.emit("phase", name=name, done=done, total=total, eta_seconds=eta_seconds)

    def metrics(self, step: int, values: dict[str, float]) -> None:
        self.emit("metrics", step=step, values=values)


def whole_lines(path: Path, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Events after byte `offset`, and the offset behind the last complete line."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        tail = file.read()
    whole = tail[: tail.rfind(b"\n") + 1]  # a half-written last line waits for the next call
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)
