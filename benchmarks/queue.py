"""The next item and the answer over HTTP, in a project of a million items.

    python -m benchmarks.queue      on the PostgreSQL that DATABASE_URL names, which must be empty

900,000 items are complete; 50,000 of higher priority are open to others, but the four people whose
waiting is measured have answered or skipped all of them; 50,000 more are open. Those four take and
answer items all at once, first with a second or so for each item, then one after the other without
a pause, while 50 others do so at the pace of people. The target is 30 ms for 95 of 100 requests, of
either kind. For comparison: Label Studio
1.23 on such a machine needs 84 ms for the next task alone with 2,000 tasks, 224 ms with 100,000.
"""

import argparse
import os
import re
import threading
import time
from random import Random
from typing import Any
from unittest.mock import patch

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from annotation import compiled, services  # noqa: E402
from annotation.models import Item, Project  # noqa: E402
from benchmarks.annotator import Annotator, session_of, share  # noqa: E402
from benchmarks.installation import Web  # noqa: E402

SLUG = "million"
TARGET_MS = 30.0
MEASURED = 4
OTHERS = 50
PACED = 60  # items for each of the measured, with a pause before each answer
BUILD = """
INSERT INTO annotation_source (id, project_id, slug, label, kind, created)
  VALUES (1, {project}, 'demo', 'Demo', 'model', now());
INSERT INTO annotation_prompt (id, project_id, messages, content_hash, conversation_root, split,
                               category, external_id, created)
  SELECT n, {project},
         jsonb_build_array(jsonb_build_object('role', 'user', 'content', 'Question ' || n || '? '
           || repeat('What should one know about it, and why? ', 5))),
         md5('c' || n), md5('r' || n), 'train', '', '', now()
  FROM generate_series(1, {prompts}) n;
INSERT INTO annotation_response (id, prompt_id, source_id, text, text_hash, is_truncated, created)
  SELECT n, (n + 1) / 2, 1,
         'Answer ' || n || E'.\\n\\n' || repeat('It depends on **a few** things. ', 20),
         md5('t' || n), false, now()
  FROM generate_series(1, 2 * {prompts}) n;
INSERT INTO annotation_item (id, project_id, prompt_id, key, task_type, task_config, status,
                             answers_wanted, open_slots, answer_count, priority, came_back, place,
                             round, origin, arm, created, overlap_added, lane)
  SELECT n, {project}, 1 + n % {prompts}, 'key' || n, 'pairwise', '{{}}',
         CASE WHEN n <= {complete} THEN 'complete' ELSE 'open' END,
         CASE WHEN n <= {complete} THEN 1 WHEN n <= {complete} + {open} THEN 3 ELSE 12 END,
         CASE WHEN n <= {complete} THEN 0 WHEN n <= {complete} + {open} THEN 3
              WHEN n % 2 = 0 THEN 8 ELSE 12 END,
         CASE WHEN n <= {complete} THEN 1 WHEN n <= {complete} + {open} THEN 0
              WHEN n % 2 = 0 THEN 4 ELSE 0 END,
         CASE WHEN n <= {complete} + {open} THEN 0 ELSE 1 END,
         n > {complete} + {open} AND n % 2 = 1, n, 0, 'import', 'random', now(), 0, 0
  FROM generate_series(1, {complete} + 2 * {open}) n;
INSERT INTO annotation_itemresponse (item_id, response_id, position)
  SELECT n, 2 * (1 + n % {prompts}) - p, 1 - p
  FROM generate_series(1, {complete} + 2 * {open}) n, generate_series(0, 1) p;
-- the complete ones, each answered by one of all the people
INSERT INTO annotation_assignment (key, item_id, annotator_id, slot, status, display_seed,
    display_order, guideline_id, lease_until, claimed, opened, active_seconds, draft_version,
    skip_reason)
  SELECT gen_random_uuid(), n, {first_user} + n % {users}, 0, 'answered', 1, '[0, 1]', {guideline},
         now(), now(), now(), 9, 0, ''
  FROM generate_series(1, {complete}) n;
-- those of higher priority: half of them answered, half skipped by each of the measured
INSERT INTO annotation_assignment (key, item_id, annotator_id, slot, status, display_seed,
    display_order, guideline_id, lease_until, claimed, opened, active_seconds, draft_version,
    skip_reason)
  SELECT gen_random_uuid(), n, {first_user} + p, CASE WHEN n % 2 = 0 THEN p END,
         CASE WHEN n % 2 = 0 THEN 'answered' ELSE 'skipped' END, 1, '[0, 1]', {guideline},
         now(), now(), now(), 9, 0, ''
  FROM generate_series({complete} + {open} + 1, {complete} + 2 * {open}) n,
       generate_series(0, {measured} - 1) p;
INSERT INTO annotation_annotation (assignment_id, revision, kind, answer, rationale, submit_key,
                                   seconds, guideline_id, created)
  SELECT id, 1, 'answer', '{{"strength": 1, "both_bad": false}}', '', md5(id::text), 9,
         {guideline}, now()
  FROM annotation_assignment WHERE status = 'answered';
INSERT INTO annotation_tally (project_id, annotator_id, answered, today, retests)
  SELECT {project}, annotator_id, count(*), 0, 0 FROM annotation_assignment
  WHERE status = 'answered' GROUP BY annotator_id;
SELECT setval(pg_get_serial_sequence('annotation_item', 'id'), {complete} + 2 * {open});
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queue", description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=250, help="items for each of the measured")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    began = time.monotonic()
    project, people = build(options.items)
    say(f"{options.items:,} items, built in {time.monotonic() - began:.0f} s")
    with Web() as web:
        measure(web, people, options.rounds)
    show_plans(project, people[0])


def build(items: int) -> tuple[Project, list[User]]:
    project = services.create_project(
        slug=SLUG, name="A million", guideline="Choose the more helpful response."
    )
    guideline = project.guidelines.get()
    people = [User.objects.create(username=f"person_{n}") for n in range(MEASURED + OTHERS)]
    for user in people:
        services.add_member(project, user)
    numbers = {
        "project": project.pk,
        "guideline": guideline.pk,
        "prompts": max(10, items // 100),
        "open": items // 20,
        "complete": items - 2 * (items // 20),
        "first_user": people[0].pk,
        "users": len(people),
        "measured": MEASURED,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # keys are right as made
        for statement in BUILD.split(";\n"):
            cursor.execute(statement.format(**numbers))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")  # what was built is on the disk before anything is measured
    return project, people


# --- over HTTP ------------------------------------------------------------------------------------


def measure(web: Web, people: list[User], rounds: int) -> None:
    ended = threading.Event()
    browsers = [Annotator(web.port, session_of(user), SLUG, ended) for user in people]
    for browser in browsers:
        browser.open()
    measured, others = browsers[:MEASURED], browsers[MEASURED:]
    for browser in measured:
        begin(browser)
    firsts = [browser.millis["next"][0] for browser in measured]
    say(f"the very first claim, past all that was seen: {max(firsts):.0f} ms; once in a while")
    crowd = [threading.Thread(target=at_leisure, args=(each, n)) for n, each in enumerate(others)]
    for thread in crowd:
        thread.start()
    time.sleep(20)
    pace(measured)
    for browser in measured:
        browser.millis.clear()
    cpu, own_cpu = web.cpu_seconds(), time.process_time()
    hurried = [threading.Thread(target=in_a_row, args=(each, rounds)) for each in measured]
    began = time.monotonic()
    for thread in hurried:
        thread.start()
    for thread in hurried:
        thread.join()
    seconds, cpu = time.monotonic() - began, web.cpu_seconds() - cpu
    own_cpu = time.process_time() - own_cpu
    ended.set()
    for thread in crowd:
        thread.join()
    busy = os.getloadavg()[0]
    say(
        f"load {busy:.1f} on {os.cpu_count()} cores; web processes {cpu / seconds:.2f} cores,"
        f" the people themselves {own_cpu / seconds:.2f}"
    )
    failures = [each for browser in browsers for each in browser.failures]
    say(
        f"{MEASURED} people without a pause, {rounds} items each in {seconds:.0f} s;"
        f" failures: {failures or 'none'}"
    )
    say_millis(measured)
    background = [value for browser in others for value in browser.millis["next"]]
    say(f"the 50 others took {len(background)} items; next: p95 {share(background, 95):.1f} ms")


def pace(browsers: list[Annotator]) -> None:
    """Each of them answers PACED items, with a pause of about a second before each answer."""

    def work(browser: Annotator, number: int) -> None:
        draw = Random(number)
        for each in range(PACED):
            time.sleep(draw.uniform(0.5, 1.5))
            answer(browser, f"paced {each}")

    for browser in browsers:
        browser.millis.clear()
    people = [threading.Thread(target=work, args=(each, n)) for n, each in enumerate(browsers)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    say(f"{MEASURED} people with a second for each item, {PACED} items each:")
    say_millis(browsers)


def say_millis(browsers: list[Annotator]) -> None:
    for name in ("next", "submit", "heartbeat"):
        millis = [value for browser in browsers for value in browser.millis[name]]
        figures = "  ".join(f"p{percent} {share(millis, percent):.1f}" for percent in (50, 95, 99))
        target = "" if name == "heartbeat" else f"   (target: p95 {TARGET_MS:.0f})"
        say(f"{name:10} ms: {figures}{target}")


def begin(browser: Annotator) -> None:
    """As a browser that opens the page: one item on the screen, the next one held ready."""
    browser.held = [take(browser, [])]
    browser.show(browser.held[0])
    browser.held.append(take(browser, browser.held))


def answer(browser: Annotator, submit_key: str) -> None:
    """Answer what is on the screen, show what was held ready, and have another one ready."""
    shown, ready = browser.held
    assert browser.submit(shown, submit_key, 1, opens=ready), "an answer that was not stored"
    browser.held = [ready, take(browser, [ready])]


def take(browser: Annotator, held: list[str]) -> str:
    key = browser.next(held)
    assert key is not None, "there is no item"
    return key


def in_a_row(browser: Annotator, rounds: int) -> None:
    for number in range(rounds):
        answer(browser, str(number))


def at_leisure(browser: Annotator, number: int) -> None:
    draw = Random(number)
    browser.ended.wait(draw.uniform(0, 20))
    begin(browser)
    answers = 0
    while not browser.ended.wait(draw.uniform(10, 30)):  # to read two responses, and to choose
        answer(browser, str(answers))
        answers += 1


# --- what the database does ---------------------------------------------------------------------


def show_plans(project: Project, person: User) -> None:
    """Claim one item here, and show each query that chose it, with the plan that is kept for it."""
    services.claim_next(project, person)  # brings the bookmarks up to date
    asked: list[tuple[str, Any]] = []

    def heard(connection: Any, sql: str, params: Any) -> Any:
        asked.append((sql, params))
        return execute(connection, sql, params)

    execute = compiled.execute
    with patch.object(compiled, "execute", heard), transaction.atomic():
        began = time.perf_counter()
        services.claim_next(project, person)
        seconds = time.perf_counter() - began
        transaction.set_rollback(True)
    looks = [each for each in asked if each[0].lstrip().startswith(("SELECT", "WITH"))]
    say(f"\none claim: {len(asked)} statements, {1000 * seconds:.1f} ms with Django's part")
    total = 0.0
    for sql, params in looks:
        plan = explain(sql, params)
        total += float(plan[-1].split()[2])
        shown = plan if "annotation_item" in sql else plan[-1:]
        say(f"\n{sql[:1500]}")
        say("\n".join(f"    {line}" for line in shown))
    say(f"\nthe database's part in its {len(looks)} queries: {total:.2f} ms, planned before")
    counted = Item.objects.filter(project=project).open().count()
    say(f"open items at the end: {counted:,}")


def explain(sql: str, params: Any) -> list[str]:
    """The plan that PostgreSQL keeps for a statement, and what it took with these values."""
    values: list[Any] = []

    def numbered(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        values.append(params[found[1]] if found[1] else params[len(values)])
        return f"${len(values)}"

    statement = re.sub(r"%(?:%|s|\((\w+)\)s)", numbered, sql)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("PREPARE shown AS " + statement.replace("%", "%%"), [])
        try:
            given = f"({', '.join(['%s'] * len(values))})" if values else ""
            explained = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) EXECUTE shown"
            cursor.execute(explained + given, values)
            rows: list[Any] = cursor.fetchall()
        finally:
            cursor.execute("DEALLOCATE shown")
    return [row[0] for row in rows if not row[0].startswith("Planning")]


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
