"""The settings of the tests: fast hasher, eager Celery, a data folder of their own.

TEST_DATABASE_URL=postgres://… runs the suite on PostgreSQL; without it, on SQLite.
"""

import os
import tempfile

# Each worker of pytest-xdist has a folder of its own, though it inherits the name of its parent's:
# equal ids in two databases would mean one file. What a test starts shares the folder of its test.
worker = os.environ.get("PYTEST_XDIST_WORKER", "")
is_ours = worker == os.environ.get("PREFLOOP_TEST_WORKER", "")
inherited = os.environ.get("PREFLOOP_TEST_DATA") if is_ours else None
os.environ["PREFLOOP_DATA"] = inherited or tempfile.mkdtemp(prefix="prefloop-test-")
os.environ["PREFLOOP_TEST_DATA"] = os.environ["PREFLOOP_DATA"]
os.environ["PREFLOOP_TEST_WORKER"] = worker
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 50
os.environ.pop("DATABASE_URL", None)
os.environ.pop("REDIS_URL", None)
os.environ.pop("OIDC_SERVER_URL", None)
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from config.settings import *  # noqa: E402, F403
from config.settings import DATA_DIR, DATABASES, STORAGES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
ALLOWED_HOSTS = ["*"]
DATABASES["default"]["CONN_MAX_AGE"] = 0
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: the threads of a live server then have connections and locks of their
    # own, as they do in earnest. What survives a power cut does not matter here.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
