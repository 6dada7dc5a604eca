"""What `make` does before there is anything to import: checks, environment, start.

    python3 scripts/bootstrap.py install [--test]    .venv with the pinned packages
    python3 scripts/bootstrap.py run                 install, prepare, serve until Ctrl-C
    python3 scripts/bootstrap.py requirements        what running needs, for a container's image

Standard library only. Whatever a person can mend ends in one sentence that says how.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (this is the file that says so)
    sys.exit(
        "Prefloop needs Python 3.11 or newer, and this is "
        + ".".join(str(n) for n in sys.version_info[:3])
        + ". Install a newer one and name it: make run PYTHON=python3.12"
    )

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import http.client
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import tomllib
from collections.abc import Collection
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(os.environ.get("PREFLOOP_VENV") or ROOT / ".venv")
VENV_PYTHON = VENV / "bin" / "python"
GIB = 2**30
INSTALL_BYTES = 6 * GIB  # 2 to 3 GiB of packages, and as much again while pip unpacks them
RUN_BYTES = GIB // 2  # without this the database and the logs are about to fail
START_SECONDS = 120
STOP_SECONDS = 40  # above every `stopwaitsecs` in supervisord.conf
STRAGGLER_SECONDS = 20  # above the time an engine gets between SIGTERM and SIGKILL
PR_SET_PDEATHSIG = 1


class Refused(Exception):
    """Something a person can mend; the message is the sentence that says how."""


# --- checks -----------------------------------------------------------------------------------


def check_disk(folder: Path, wanted: int, purpose: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise Refused(
            f"The disk that holds {folder} has {free / GIB:.1f} GiB free, and {purpose} needs "
            f"{wanted / GIB:.1f} GiB. Free some space and try again."
        )


def check_port(host: str, port_text: str) -> int:
    if not (port_text.isascii() and port_text.isdigit() and 1 <= int(port_text) <= 65535):
        raise Refused(f"PORT must be a number from 1 to 65535, not {port_text!r}.")
    port = int(port_text)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise Refused(
                f"Port {port} needs root's rights. Choose one above 1023: make run PORT=8000"
            ) from None
        except OSError as problem:
            raise Refused(
                f"Port {port} on {host} cannot be used ({problem.strerror}). Stop what listens "
                f"there, or choose another: make run PORT={port + 1 if port < 65535 else 8000}"
            ) from None
    return port


# --- packages ---------------------------------------------------------------------------------


def requirements(test: bool) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted: list[str] = project["dependencies"]
    return wanted + project["optional-dependencies"]["test"] if test else wanted


def fingerprint(wanted: list[str]) -> str:
    parts = [sys.version, *wanted, (ROOT / "constraints.txt").read_text()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_installed(wanted: list[str], stamp: Path) -> bool:
    return VENV_PYTHON.exists() and stamp.exists() and stamp.read_text() == fingerprint(wanted)


def install(test: bool) -> None:
    """Make .venv hold the pinned packages; a second call with the same pins does nothing."""
    stamps = {VENV / "installed": requirements(test=False)}
    if test:  # what tests need includes what running needs
        stamps[VENV / "installed-test"] = requirements(test=True)
    if all(is_installed(wanted, stamp) for stamp, wanted in stamps.items()):
        return
    check_disk(ROOT, INSTALL_BYTES, "installing the packages")
    if not VENV_PYTHON.exists():
        if importlib.util.find_spec("ensurepip") is None:
            raise Refused(
                "This Python cannot make virtual environments. On Debian and Ubuntu install the "
                "package python3-venv, then try again."
            )
        say(f"Making the virtual environment in {VENV.name}/ …")
        if run([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
            raise Refused(f"The virtual environment {VENV} could not be made; see the lines above.")
    say("Installing the packages (a few minutes the first time) …")
    pip = [str(VENV_PYTHON), "-m", "pip", "install", "-qq", "--no-input"]
    pip += ["--disable-pip-version-check", "--constraint", str(ROOT / "constraints.txt")]
    if run([*pip, *requirements(test)]) != 0:
        raise Refused(
            "The packages could not be installed; pip's own message stands above. Once it is "
            "mended, the same command goes on from here."
        )
    for stamp, wanted in stamps.items():
        stamp.write_text(fingerprint(wanted))


def run(command: list[str]) -> int:
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode


# --- data -------------------------------------------------------------------------------------


def data_folder() -> Path:
    """The folder that holds everything of this installation, readable by nobody else."""
    folder = Path(os.environ.get("PREFLOOP_DATA") or ROOT / "var").resolve()
    try:
        for part in (folder, folder / "logs"):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        key = folder / "secret_key"
        if not key.exists() and not os.environ.get("SECRET_KEY"):
            aside = folder / "secret_key.new"
            aside.write_text(secrets.token_urlsafe(64))
            aside.chmod(0o600)
            aside.rename(key)
    except OSError as problem:
        raise Refused(f"{problem.filename} cannot be written: {problem.strerror}.") from None
    return folder


def lock_data(folder: Path) -> IO[str]:
    """Hold the folder while this process lives: two beats on one database would be one too many."""
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise Refused(
            f"Prefloop runs from {folder} already (process {lock.read().strip() or 'unknown'}). "
            "Stop that one first, or give this one a folder of its own: PREFLOOP_DATA=…"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


# --- serving ----------------------------------------------------------------------------------


def die_with_parent() -> None:
    """Ask Linux to stop this process when its parent ends, however it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def session_members(sessions: Collection[int], folder: Path) -> list[int]:
    """The living processes of this data folder started below these sessions' leaders (Linux)."""
    mark = f"PREFLOOP_DATA={folder}\0".encode()  # a leader's number may be somebody else's by now
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # after the name: state, ppid, pgrp, session, …
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) in sessions and mark in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue  # it ended meanwhile
    return found


class Server:
    """supervisord and what it runs, from start to the last process's end."""

    def __init__(self, folder: Path, host: str, port: int) -> None:
        self.folder, self.host, self.port = folder, host, port
        self.stopping = False
        self.process: subprocess.Popen[bytes] | None = None
        # Of every supervisord there was: what a killed one leaves behind goes within seconds, and
        # "Stopped." may be asked for before that.
        self.sessions: set[int] = set()
        self.environment = os.environ | {
            "PREFLOOP_DATA": str(folder),
            "PREFLOOP_PYTHON": str(VENV_PYTHON),
            "PREFLOOP_BIND": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def address(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host and '[' not in host else host}:{self.port}/"

    def prepare(self) -> None:
        """Bring database and static files up to date; on the very first start, the demo too."""
        command = [str(VENV_PYTHON), "manage.py", "prepare"]
        if subprocess.run(command, cwd=ROOT, env=self.environment).returncode != 0:
            raise Refused("The database or the static files could not be prepared; see above.")

    def start(self) -> None:
        with (self.folder / "logs" / "supervisord.out").open("ab") as output:
            self.process = subprocess.Popen(
                [str(VENV_PYTHON), "-m", "supervisor.supervisord", "--nodaemon"]
                + ["--configuration", str(ROOT / "supervisord.conf")]
                + ["--logfile", str(self.folder / "logs" / "supervisord.log")]
                + ["--pidfile", str(self.folder / "supervisord.pid")],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches this process only, which passes it on
                preexec_fn=die_with_parent,
            )
        self.sessions.add(self.process.pid)

    def is_healthy(self) -> bool:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        try:
            connection = http.client.HTTPConnection(host, self.port, timeout=5)
            # Host and scheme as the application expects them, whatever address it serves.
            headers = {"Host": f"localhost:{self.port}", "X-Forwarded-Proto": "https"}
            connection.request("GET", "/healthz", headers=headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.stopping and not self.is_healthy():
            if self.process is not None and self.process.poll() is not None:
                raise Refused(f"The server ended while starting. {self.last_words('supervisord')}")
            if time.monotonic() > deadline:
                self.stop()
                raise Refused(
                    f"The server did not answer within {START_SECONDS} s. {self.last_words('web')}"
                )
            time.sleep(0.2)

    def last_words(self, name: str) -> str:
        log = self.folder / "logs" / f"{name}.log"
        lines = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
        return "\n".join([f"The end of {log}:", *lines])

    def watch(self) -> None:
        """Return when asked to stop; a supervisord that was killed is started again."""
        while not self.stopping:
            assert self.process is not None
            try:
                self.process.wait(timeout=1)
            except subprocess.TimeoutExpired:
                continue
            if not self.stopping:
                say("The supervisor ended unexpectedly; starting it again.")
                time.sleep(1)
                self.start()

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()  # each process is on a leash and goes when its parent does
            self.process.wait()
        deadline = time.monotonic() + STRAGGLER_SECONDS
        while (left := session_members(self.sessions, self.folder)) and time.monotonic() < deadline:
            time.sleep(0.2)  # a train worker's pool process puts the run it had back in the queue
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def ask_to_stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping = True


def serve() -> None:
    started = time.monotonic()
    host = os.environ.get("HOST") or "127.0.0.1"
    port = check_port(host, os.environ.get("PORT") or "8000")
    install(test=False)
    folder = data_folder()
    check_disk(folder, RUN_BYTES, "running")
    lock = lock_data(folder)
    server = Server(folder, host, port)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, server.ask_to_stop)
    try:
        server.prepare()
        if not server.stopping:
            server.start()
            server.wait_until_healthy()
        if not server.stopping:
            say(f"\nPrefloop is ready after {time.monotonic() - started:.0f} s: {server.address}")
            say(f"Logs are in {folder / 'logs'}. Ctrl-C stops everything.")
        server.watch()
    finally:
        say("\nStopping …")
        server.stop()
        lock.close()
    say("Stopped.")


def say(text: str) -> None:
    print(text, flush=True)


def refuse(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Install and run Prefloop.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="install what is missing, prepare, serve")
    installing = commands.add_parser("install", help="make .venv hold the pinned packages")
    installing.add_argument("--test", action="store_true", help="also what the tests need")
    commands.add_parser("requirements", help="print what running needs, one package a line")
    options = parser.parse_args()
    try:
        if options.command == "run":
            serve()
        elif options.command == "requirements":
            say("\n".join(requirements(test=False)))
        else:
            install(test=options.test)
    except Refused as refusal:
        refuse(str(refusal))
    except KeyboardInterrupt:
        refuse("\nStopped.")


if __name__ == "__main__":
    main()
