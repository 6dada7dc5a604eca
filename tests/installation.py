"""A Prefloop started by `make run`'s own script, watched from outside: for tests of the whole."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY = "Prefloop is ready"
START_SECONDS = 150
SIGNS = {
    "web": "gunicorn",
    "worker": "default@",
    "chat": "chat@",
    "train": "train@",
    "beat": " beat ",
}
Mains = dict[str, list[int]]


class Installation:
    """A running Prefloop with a data folder of its own, watched from outside."""

    def __init__(self, data: Path, redis_url: str) -> None:
        self.data = data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        hidden = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DJANGO_SETTINGS_MODULE", "HOST")
        environment = {name: text for name, text in os.environ.items() if name not in hidden}
        environment |= {
            "PORT": str(self.port),
            "PREFLOOP_DATA": str(data),
            "PREFLOOP_VENV": sys.prefix,
            "LOG_LEVEL": "INFO",
        }
        if redis_url:
            prefix = f"test-{uuid.uuid4().hex}:"
            environment |= {"REDIS_URL": redis_url, "REDIS_PREFIX": prefix}
        self.output = data.parent / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "scripts/bootstrap.py", "run"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self) -> dict[int, str]:
        """Every living process of this installation, by the folder in its environment."""
        mark = f"PREFLOOP_DATA={self.data}\0".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes()
                    found[int(folder.name)] = command.replace(b"\0", b" ").decode()
            except OSError:
                continue  # it ended meanwhile
        return {pid: command for pid, command in found.items() if command}

    def supervisor(self) -> int:
        """Its process id; 0 while there is none."""
        file = self.data / "supervisord.pid"
        return int(file.read_text() or 0) if file.exists() else 0

    def mains(self) -> Mains:
        """The processes that supervisord itself started, by their name there."""
        supervisor = self.supervisor()
        mains: Mains = {name: [] for name in SIGNS}
        for pid, command in self.processes().items():
            for name, sign in SIGNS.items():
                if sign in command and "leash" not in command and parent_of(pid) == supervisor:
                    mains[name].append(pid)
        return mains

    def readiness(self, name: str) -> int:
        """How often this process has said that it is ready."""
        words = {"web": "Booting worker", "beat": "beat: Starting"}.get(name, " ready.")
        return (self.data / "logs" / f"{name}.log").read_text().count(words)

    def is_healthy(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def all_run(self) -> bool:
        return all(len(pids) == 1 for pids in self.mains().values()) and self.is_healthy()

    def said(self) -> str:
        return self.output.read_text(errors="replace")


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def wait_for(what: Callable[[], object], seconds: float) -> float:
    """Seconds until it is true; fails the test if it does not become so."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() < begun + seconds, f"not true after {seconds} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - begun


@contextmanager
def running(data: Path, redis_url: str = "") -> Iterator[Installation]:
    installation = Installation(data, redis_url)
    try:
        wait_for(
            lambda: READY in installation.said() or installation.process.poll() is not None,
            START_SECONDS,
        )
        assert READY in installation.said(), installation.said()
        yield installation
    finally:
        for pid in installation.processes():  # nothing if the test did what it says
            os.kill(pid, signal.SIGKILL)
        installation.process.wait()
