"""The annotators page of a million judgements by 500 people, from cold, and one person's page.

    python -m benchmarks.annotators   on the PostgreSQL that DATABASE_URL names, which must be empty

The project is the one of `benchmarks.agreement`. The target: each page in under 5 s.
"""

import argparse
import resource
import time

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from annotation.models import Project  # noqa: E402
from annotation.queries_annotator import annotator_page  # noqa: E402
from annotation.queries_annotators import annotators_page  # noqa: E402
from benchmarks.agreement import build, say  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.annotators", description=__doc__)
    parser.add_argument("--items", type=int, default=200_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    project = Project.objects.filter(slug="many").first() or build(options.items)
    connection.close()  # what comes next has a fresh connection, and no plan
    began = time.perf_counter()
    page = annotators_page(Project.objects.get(pk=project.pk))
    seconds = time.perf_counter() - began
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    say(
        f"annotators page of {page.figures.answers:,} answers by {len(page.lines):,} people:"
        f" {seconds:.2f} s (target 5), {gib:.2f} GiB"
    )
    honest = f"{page.figures.typical:.3f} ± {page.figures.spread:.3f}"
    say(f"    an honest person {honest}, {page.suspicious} people with a badge")
    for line in page.lines[:3]:
        say(f"    {line.name}: {line.reliability}, {[each.label for each in line.shown]}")
    person = User.objects.get(pk=page.lines[0].pk)
    began = time.perf_counter()
    annotator_page(project, person)
    say(f"one person's page: {time.perf_counter() - began:.2f} s (target 5)")


if __name__ == "__main__":
    main()
