"""The bias page and the leaderboard of a million judgements, from cold and with the texts counted.

    python -m benchmarks.bias   on the PostgreSQL that DATABASE_URL names, which must be empty

The project of `benchmarks.agreement`: 200,000 items, five answers each, of 500 annotators, but with
100 sources, and responses of 50 to 2,000 characters with headers, lists and bold in some of them.
The targets: the leaderboard in under 2 s, the bias page in under 5 s and 1 GiB. What is written in
the texts is counted once and kept; the first to open a page waits for it, so both are said.
"""

import argparse
import resource
import time
from collections.abc import Callable

import django

django.setup()

from django.core.cache import cache  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from annotation.models import Project  # noqa: E402
from annotation.queries_bias import bias_page  # noqa: E402
from annotation.queries_leaderboard import leaderboard_page  # noqa: E402
from benchmarks.agreement import build, say  # noqa: E402

SOURCES = 100
WRITE = """
INSERT INTO annotation_source (id, project_id, slug, label, kind, created)
  SELECT n, {project}, 'source_' || n, 'Source ' || n, 'model', now()
  FROM generate_series(4, {sources}) n;
UPDATE annotation_response SET source_id = 1 + (hashint8(id) & 2147483647) % {sources}, text =
  CASE WHEN hashint8(id + 1) % 3 = 0 THEN '# What to know' || chr(10) ELSE '' END
  || CASE WHEN hashint8(id + 2) % 3 = 0
     THEN repeat('- First of all, read what it says.' || chr(10), 1 + abs(hashint8(id)) % 5)
     ELSE '' END
  || CASE WHEN hashint8(id + 4) % 3 = 0 THEN repeat('**This** counts. ', 1 + abs(hashint8(id)) % 3)
     ELSE '' END
  || repeat('Some plain words that people read. ', 1 + (hashint8(id + 3) & 2147483647) % 55);
UPDATE annotation_annotation SET seconds = 4 + 60 * random();
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bias", description=__doc__)
    parser.add_argument("--items", type=int, default=200_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    project = Project.objects.filter(slug="many").first() or build_written(options.items)
    timed("leaderboard", lambda: leaderboard_page(project))
    timed("leaderboard as if all wrote alike, first", lambda: leaderboard_page(project, True))
    timed("leaderboard as if all wrote alike, again", lambda: leaderboard_page(project, True))
    cache.clear()
    timed("bias, first", lambda: bias_page(project))
    timed("bias, again", lambda: bias_page(project))


def build_written(items: int) -> Project:
    project = build(items)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WRITE.format(project=project.pk, sources=SOURCES))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL ANALYZE")  # every text was written twice
    return project


def timed(name: str, page: Callable[[], object]) -> None:
    connection.close()  # what comes next has a fresh connection, and no plan
    began = time.perf_counter()
    page()
    seconds = time.perf_counter() - began
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    say(f"{name}: {seconds:.2f} s, {gib:.2f} GiB at most so far")


if __name__ == "__main__":
    main()
