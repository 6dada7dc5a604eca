"""`make test`: the suite on SQLite, then, where a PostgreSQL server can be reached, on it too.

    .venv/bin/python scripts/run_tests.py [TEST …]

TEST_DATABASE_URL names the PostgreSQL server; without it a server on this machine that trusts
local connections of the user `postgres` is used. Each run makes a database of its own and removes
it. What had to be left out is said at the end, and why. PYTEST_WORKERS sets the processes.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
LOCAL_SERVER = "postgres://postgres@127.0.0.1:5432/prefloop"
NOTHING_CHOSEN = 5  # pytest's exit code when no test fits
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


def pytest(arguments: list[str], database_url: str) -> int:
    environment = {name: text for name, text in os.environ.items() if name != "TEST_DATABASE_URL"}
    environment.setdefault("OMP_NUM_THREADS", "1")  # the processes share the cores
    if database_url:
        environment["TEST_DATABASE_URL"] = database_url
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


def main() -> int:
    chosen = sys.argv[1:]
    workers = os.environ.get("PYTEST_WORKERS") or str(min(os.cpu_count() or 1, 8))
    parallel = ["-n", workers, "--dist", "loadgroup"] if workers != "1" else []
    url, why_not = postgres_url()
    left_out = []
    if not any(shutil.which(name) for name in BROWSERS):
        left_out.append("the browser tests: install Chromium (Debian's package: chromium)")

    print("== The suite on SQLite ==", flush=True)
    status = pytest([*parallel, "-m", "not slow and not postgres", *chosen], "")
    if url:
        print("\n== What touches the database, on PostgreSQL ==", flush=True)
        # torch's own tests and the pages' looks do not change with the database, and `make run`
        # is tried with the database that it makes for itself
        selection = ["-m", "not slow and not browser", "--ignore", "tests/training/engine"]
        selection += ["--ignore", "tests/test_processes.py"]
        second = pytest([*parallel, *selection, *chosen], url)
        if chosen and NOTHING_CHOSEN in (status, second):  # what was named fits one run only
            status = min(status, second)
        else:
            status = status or second
    else:
        left_out.append(f"everything on PostgreSQL: {why_not}")

    for each in left_out:
        print(f"SKIPPED {each}")
    print("All that ran passed." if status == 0 else "Some tests failed; see above.")
    return status


if __name__ == "__main__":
    sys.exit(main())
