"""A Prefloop of its own for a measurement: database, data folder, web processes as `make run` has.

`run_alone` makes a database and a data folder, runs a module on them in a process of its own, and
removes both. In that process `Web` starts gunicorn with the command of supervisord.conf.
"""

import configparser
import http.client
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
LOCAL_SERVER = "postgres://postgres@127.0.0.1:5432/postgres"
START_SECONDS = 120


def server_url() -> str:
    """The PostgreSQL server to measure on; "" for none."""
    named = os.environ.get("BENCH_DATABASE_URL") or os.environ.get("TEST_DATABASE_URL", "")
    if named:
        return named
    try:
        psycopg.connect(LOCAL_SERVER, connect_timeout=5).close()
    except psycopg.Error:
        return ""
    return LOCAL_SERVER


def run_alone(
    module: str, *arguments: str, server: str, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the module on an empty database: on this PostgreSQL server, or with "" on SQLite."""
    with (
        tempfile.TemporaryDirectory(prefix="prefloop-bench-") as folder,
        own_database(server, Path(folder)) as url,
    ):
        hidden = ("REDIS_URL", "PREFLOOP_TEST_DATA", "TEST_DATABASE_URL", "HOST", "PORT")
        environment = {name: text for name, text in os.environ.items() if name not in hidden}
        environment |= {
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LOG_LEVEL": "WARNING",
            "PREFLOOP_DATA": folder,
            "SECRET_KEY": secrets.token_urlsafe(64),
        }
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            check=False,
            text=True,
            capture_output=capture,
        )


@contextmanager
def own_database(server: str, folder: Path) -> Iterator[str]:
    """The address of an empty database, which is dropped afterwards."""
    if not server:
        yield f"sqlite:///{folder / 'db.sqlite3'}"
        return
    name = f"bench_{secrets.token_hex(4)}"
    admin = urlsplit(server)._replace(path="/postgres").geturl()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(drop.format(sql.Identifier(name)))


class Web:
    """The web processes, from start to end; one of them can be killed."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = Path(os.environ["PREFLOOP_DATA"]) / "web.log"

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The web processes did not start.\n{self.log.read_text()}")
            time.sleep(0.1)
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def command(self) -> list[str]:
        config = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
        config.read(ROOT / "supervisord.conf")
        command = config["program:web"]["command"]
        ours = {
            "ENV_PREFLOOP_PYTHON": sys.executable,
            "ENV_PREFLOOP_BIND": f"127.0.0.1:{self.port}",
        }
        return shlex.split(command % ours)

    def is_healthy(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/healthz")
            return connection.getresponse().status in (200, 503)  # 503: no worker, no beat here
        except (OSError, http.client.HTTPException):
            return False

    def workers(self) -> list[int]:
        main = self.process.pid
        return [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]

    def cpu_seconds(self) -> float:
        """Processor time that the living web processes have used."""
        ticks = 0
        for pid in self.workers():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])  # utime, stime
        return ticks / os.sysconf("SC_CLK_TCK")

    def kill_one(self) -> None:
        """SIGKILL the oldest web process, which people are at; gunicorn starts another."""
        while not (workers := self.workers()):
            time.sleep(0.1)
        os.kill(workers[0], signal.SIGKILL)
