"""The agreement page and the leaderboard of a million judgements, from cold and carried on.

    python -m benchmarks.agreement   on the PostgreSQL that DATABASE_URL names, which must be empty

200,000 pairwise items, five answers each, of 500 annotators whose accuracy differs; 40 weeks, eight
categories, 100 sources. The targets: the page with α and the other figures, with intervals of 1,000
bootstrap draws, in under 3 s and 1 GB from cold; the leaderboard in under 2 s; the page after
another answer in under 100 ms. Then the same statistics by the packages that have them
(`agreement_rivals`), on the same judgements.
"""

import argparse
import resource
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.management.color import no_style  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from annotation import kept_answers, services  # noqa: E402
from annotation.agreement_state import judgements_of, measures_of  # noqa: E402
from annotation.answer_table import answer_table  # noqa: E402
from annotation.comparisons import comparisons  # noqa: E402
from annotation.models import Assignment, Item, Project  # noqa: E402
from annotation.queries_agreement import agreement_page  # noqa: E402
from annotation.queries_leaderboard import leaderboard_page  # noqa: E402
from benchmarks.agreement_rivals import compare  # noqa: E402

ANNOTATORS = 500
ANSWERS = 5
MORE = 20  # answers given one by one, with a look at the page after each
BUILD = """
INSERT INTO annotation_source (id, project_id, slug, label, kind, created)
  SELECT n, {project}, 'source_' || n, 'Source ' || n, 'model', now()
  FROM generate_series(1, 100) n;
INSERT INTO annotation_prompt (id, project_id, messages, content_hash, conversation_root, split,
                               category, external_id, created)
  SELECT n, {project}, jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'Q' || n)),
         md5('c' || n), md5('r' || n), 'train', 'category ' || n % 8, '', now()
  FROM generate_series(1, {items}) n;
INSERT INTO annotation_response (id, prompt_id, source_id, text, text_hash, is_truncated, created)
  SELECT 2 * n - p, n, 1 + (n + p * (1 + n % 97)) % 100, 'A' || n || '.' || p, md5('t' || n || p),
         false, now()
  FROM generate_series(1, {items}) n, generate_series(0, 1) p;
INSERT INTO annotation_item (id, project_id, prompt_id, key, task_type, task_config, status,
                             answers_wanted, open_slots, answer_count, priority, came_back, place,
                             round, origin, arm, created, overlap_added, lane)
  SELECT n, {project}, n, 'key' || n, 'pairwise', '{{}}', 'complete', {answers}, 0, {answers}, 0,
         false, n, 0, 'import', 'random', now(), 0, 0
  FROM generate_series(1, {items}) n;
INSERT INTO annotation_itemresponse (item_id, response_id, position)
  SELECT n, 2 * n - p, 1 - p FROM generate_series(1, {items}) n, generate_series(0, 1) p;
INSERT INTO annotation_assignment (id, key, item_id, annotator_id, slot, status, display_seed,
    display_order, guideline_id, lease_until, claimed, opened, active_seconds, draft_version,
    skip_reason)
  SELECT n * {answers} + k, gen_random_uuid(), n, {first_user} + (n * 7 + k * 101) % {people}, k,
         'answered', 1, CASE WHEN n % 2 = 0 THEN '[0, 1]' ELSE '[1, 0]' END::jsonb, {guideline},
         now(), now(), now(), 9, 0, ''
  FROM generate_series(1, {items}) n, generate_series(0, {answers} - 1) k;
INSERT INTO annotation_annotation (assignment_id, revision, kind, answer, rationale, submit_key,
                                   seconds, guideline_id, created)
  SELECT id, 1, 'answer', jsonb_build_object('strength', CASE
           WHEN draw < 0.05 THEN 0
           WHEN draw < 0.55 + 0.4 * (annotator_id % 10) / 10.0 THEN 1 + (draw * 997)::int % 3
           ELSE -1 - (draw * 997)::int % 3 END * CASE WHEN item_id % 3 = 0 THEN -1 ELSE 1 END,
         'both_bad', false), '', md5(id::text), 9, {guideline},
         timestamptz '2026-01-05' + item_id % 280 * interval '1 day'
  FROM (SELECT *, random() AS draw FROM annotation_assignment) turn;
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__)
    parser.add_argument("--items", type=int, default=200_000)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    project = build(options.items)
    project = Project.objects.get(pk=project.pk)
    page, seconds = from_cold(lambda: agreement_page(project))
    assert page.headline is not None
    say(f"agreement page of {page.answers:,} answers: {seconds:.2f} s from cold (target 3)")
    for figure in page.figures:
        say(f"    {figure.label}: {figure.found.value} {figure.found.interval}")
    say(f"    {', '.join(f'{each.slug}: {len(each.lines)}' for each in page.breakdowns)}")
    board, seconds = from_cold(lambda: leaderboard_page(project))
    say(f"leaderboard of {len(board.lines)} sources: {seconds:.2f} s from cold (target 2)")
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    say(f"peak memory so far {gib:.2f} GiB (target 1)")
    table = answer_table(project)
    _, said = judgements_of(table, measures_of(table)[0])
    compare(said, comparisons(project, table))
    carry_on(project)  # last: an item with more answers than the others is not for Fleiss' κ


def from_cold(look: Callable[[], Any]) -> tuple[Any, float]:
    """What is seen by a process that knows nothing yet, over a connection that has no plan."""
    kept_answers.forget()
    connection.close()
    began = time.perf_counter()
    return look(), time.perf_counter() - began


def carry_on(project: Project) -> None:
    """Answer a few items, and look at the page after each answer."""
    people = [User.objects.create(username=f"late_{n}") for n in range(MORE)]
    complete = project.items.filter(answer_count=ANSWERS).order_by("pk")
    Item.objects.filter(pk=complete[0].pk).update(
        answers_wanted=ANSWERS + MORE, open_slots=MORE, status=Item.Status.OPEN
    )
    agreement_page(project)
    taken = []
    for number, person in enumerate(people):
        services.add_member(project, person)
        assignment = services.claim_next(project, person)
        assert assignment is not None
        answer = {"strength": 3 - 6 * (number % 2), "both_bad": False}
        services.submit_answer(assignment, answer=answer, submit_key=f"late {number}", seconds=9)
        began = time.perf_counter()
        page = agreement_page(project)
        taken.append(time.perf_counter() - began)
    ordered = sorted(taken)
    say(
        f"after another answer: {1000 * ordered[MORE // 2]:.0f} ms, of {MORE} the longest"
        f" {1000 * ordered[-1]:.0f} ms (target 100); {page.answers:,} answers"
    )


def build(items: int) -> Project:
    project = services.create_project(slug="many", name="Many answers", guideline="Choose.")
    people = [User.objects.create(username=f"person_{n}") for n in range(ANNOTATORS)]
    for user in people:
        services.add_member(project, user)
    numbers = {
        "project": project.pk,
        "guideline": project.guidelines.get().pk,
        "items": items,
        "answers": ANSWERS,
        "people": ANNOTATORS,
        "first_user": people[0].pk,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # keys are right as made
        for statement in BUILD.split(";\n"):
            if statement.strip():
                cursor.execute(statement.format(**numbers))
        for statement in connection.ops.sequence_reset_sql(no_style(), [Assignment]):
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return project


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
