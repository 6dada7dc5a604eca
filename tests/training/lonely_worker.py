"""A worker in a process of its own, with a database of its own, for tests that kill it.

    python lonely_worker.py begin    migrate, make a run, print its id, carry it out (slowly)
    python lonely_worker.py again    take back what fell silent, carry it out to its end

TEST_DATABASE_URL and PREFLOOP_TEST_DATA say where database and folders are.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings_test"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.builders import make_project  # noqa: E402
from tests.training.builders import engine, make_run  # noqa: E402
from training import runner  # noqa: E402
from training.models import Run  # noqa: E402


def begin() -> None:
    call_command("migrate", verbosity=0)
    run = make_run(make_project("demo"))
    print(run.pk, flush=True)
    runner.carry_out(run.pk, command=engine("--steps", 2000, "--pause", 0.05))


def again() -> None:
    silent = timezone.now() - timedelta(seconds=61)
    Run.objects.filter(status=Run.Status.RUNNING).update(heartbeat=silent)
    runner.reconcile()
    run = Run.objects.get(algorithm="dpo")
    saved = int((run.folder / "saved").read_text())
    runner.carry_out(run.pk, command=engine("--steps", saved + 5))


{"begin": begin, "again": again}[sys.argv[1]]()
