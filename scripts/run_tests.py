"""`make test`: the suite on SQLite, then, where a PostgreSQL server can be reached, on it too.

    .venv/bin/python scripts/run_tests.py [TEST …]

TEST_DATABASE_URL names the PostgreSQL server; without it a server on this machine that trusts
local connections of the user `postgres` is used. Each run makes a database of its own and removes
it. What had to be left out is said at the end, and why. PYTEST_WORKERS sets the processes.

A test that drives a browser or whole processes (`browser`, `processes`) waits for them against the
clock, beside other tests on a machine that may be shared. Where only such tests failed, each gets a
second try with the machine to itself; that it needed one is said at the end, and is to be mended.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
LOCAL_SERVER = "postgres://postgres@127.0.0.1:5432/prefloop"
FAILED, NOTHING_CHOSEN = 1, 5  # pytest's exit codes when a test failed, and when none fits
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def postgres_url() -> tuple[str, str]:
    """The server's address and, if there is none, why."""
    named = os.environ.get("TEST_DATABASE_URL", "")
    url = named or LOCAL_SERVER
    parts = urlsplit(url)
    try:
        psycopg.connect(
            host=parts.hostname,
            port=parts.port or 5432,
            user=parts.username,
            password=parts.password,
            dbname="postgres",  # the database of the tests is made from there
            connect_timeout=5,
        ).close()
    except psycopg.Error as problem:
        reason = str(problem).strip().splitlines()[0]
        if named:
            sys.exit(f"TEST_DATABASE_URL is set, but its server cannot be reached: {reason}")
        return "", (
            "no PostgreSQL server on this machine lets the user postgres in without a password "
            f"({reason}); set TEST_DATABASE_URL=postgres://user:password@host:5432/name"
        )
    return url, ""


def suite(arguments: list[str], database_url: str, notes: list[str]) -> int:
    """pytest's exit code for these tests, those that were held up by others tried once more."""
    with tempfile.TemporaryDirectory(prefix="prefloop-failed-") as memory:
        status = pytest([*parallel(), *arguments], database_url, memory)
        if status != FAILED:
            return status
        again = ["--last-failed", "--last-failed-no-failures", "none"]
        others = [*again, "--collect-only", "-m", "not browser and not processes"]
        if pytest(others, database_url, memory) != NOTHING_CHOSEN:
            return status
        print("\n== What failed, once more and by itself ==", flush=True)
        status = pytest([*again, "-m", "browser or processes"], database_url, memory)
        if status == 0:
            notes.append("HELD UP: tests that failed beside others and passed alone; see above")
        return status


def parallel() -> list[str]:
    workers = os.environ.get("PYTEST_WORKERS") or str(min(os.cpu_count() or 1, 8))
    return ["-n", workers, "--dist", "loadgroup"] if workers != "1" else []


def pytest(arguments: list[str], database_url: str, memory: str) -> int:
    environment = {name: text for name, text in os.environ.items() if name != "TEST_DATABASE_URL"}
    environment.setdefault("OMP_NUM_THREADS", "1")  # the processes share the cores
    if database_url:
        environment["TEST_DATABASE_URL"] = database_url
    command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={memory}", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def main() -> int:
    chosen = sys.argv[1:]
    url, why_not = postgres_url()
    notes: list[str] = []
    if not any(shutil.which(name) for name in BROWSERS):
        notes.append("SKIPPED the browser tests: install Chromium (Debian's package: chromium)")

    print("== The suite on SQLite ==", flush=True)
    status = suite(["-m", "not slow and not postgres", *chosen], "", notes)
    if url:
        print("\n== What touches the database, on PostgreSQL ==", flush=True)
        # torch's own tests, the pages' looks and who may see them do not change with the database,
        # and `make run` is tried with the database that it makes for itself
        selection = ["-m", "not slow and not browser"]
        for left_out in ("training/engine", "test_matrix.py", "test_processes.py"):
            selection += ["--ignore", f"tests/{left_out}"]
        second = suite([*selection, *chosen], url, notes)
        if chosen and NOTHING_CHOSEN in (status, second):  # what was named fits one run only
            status = min(status, second)
        else:
            status = status or second
    else:
        notes.append(f"SKIPPED everything on PostgreSQL: {why_not}")

    for each in notes:
        print(each)
    print("All that ran passed." if status == 0 else "Some tests failed; see above.")
    return status


if __name__ == "__main__":
    sys.exit(main())
