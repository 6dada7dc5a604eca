"""Many annotators over HTTP who skip, leave and come late, while web processes are killed.

    python -m benchmarks.crowd      on the database that DATABASE_URL names, which must be empty

Afterwards every item has exactly K answers by K people, and every answer that the server said it
had stored is there. Prints what happened as one JSON line.
"""

import argparse
import json
import random
import threading
import time
from collections import Counter
from typing import Any

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from annotation import queries_progress, services  # noqa: E402
from annotation.models import Annotation, Assignment, Item, Project  # noqa: E402
from benchmarks.annotator import Annotator, session_of, share  # noqa: E402
from benchmarks.installation import Web  # noqa: E402

SLUG = "crowd"
MAX_LEFT = 6  # items that a person leaves behind at a time: one may hold ten


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--answers", type=int, default=3, help="wanted for each item")
    parser.add_argument("--kills", type=int, default=20, help="web processes killed on the way")
    parser.add_argument("--think", type=float, default=1.0, help="seconds, on the average")
    parser.add_argument("--lease", type=int, default=15, help="seconds")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    project = build(options)
    with Web() as web:
        people, seconds, kills = let_work(project, web, options)
    print(json.dumps(result(project, people, seconds, kills)))


def build(options: argparse.Namespace) -> Project:
    with transaction.atomic():
        project = services.create_project(
            slug=SLUG,
            name="Crowd",
            answers_per_item=options.answers,
            lease_seconds=options.lease,
            guideline="Choose the more helpful response.",
        )
        source = services.get_or_add_source(project, "demo")
        for number in range(options.items):
            turns = [{"role": "user", "content": f"Question {number}?"}]
            prompt, _ = services.get_or_add_prompt(project, turns)
            texts = (f"One answer to question {number}.", f"Another answer to {number}.")
            responses = [services.get_or_add_response(prompt, source, text)[0] for text in texts]
            services.queue_item(project, prompt, responses, key=str(number))
        for number in range(options.people):
            services.add_member(project, User.objects.create(username=f"person_{number}"))
    return project


class Person(threading.Thread):
    """Works until all is done, as people do: some skip, all leave items behind now and then.

    Each begins with one or the other, so that few items on a slow machine see both too.
    """

    def __init__(self, number: int, browser: Annotator, options: argparse.Namespace) -> None:
        super().__init__(name=f"person_{number}", daemon=True)
        self.browser, self.think = browser, options.think
        self.may_skip = number % 2 == 0  # others stay, so that every item finds its K people
        self.draw = random.Random(f"{options.seed}:{number}")
        self.left: list[str] = []
        self.did: Counter[str] = Counter()
        self.stored: dict[str, tuple[str, int]] = {}  # as the server said: submit key → answer
        self.problem = ""

    def run(self) -> None:
        try:
            self.work()
        except Exception as problem:  # told by the main thread, and the others go on
            self.problem = repr(problem)

    def work(self) -> None:
        self.browser.open()
        while not self.browser.ended.is_set():
            key = self.browser.next(self.left)
            if key is None:
                self.pause(0.4)
                if self.left and self.draw.random() < 0.3:
                    self.did["late"] += 1
                    self.submit(self.left.pop(0))
                continue
            self.browser.show(key)
            self.pause(self.think)
            first = not self.did
            self.did["shown"] += 1
            dice = self.draw.random()
            if self.may_skip and (first or dice < 0.1):
                self.did["skipped"] += 1
                self.browser.skip(key)
            elif (first or dice > 0.93) and len(self.left) < MAX_LEFT:
                self.did["left"] += 1
                self.left.append(key)
            else:
                self.submit(key)

    def submit(self, key: str) -> None:
        strength = self.draw.choice([-3, -2, -1, 1, 2, 3])
        submit_key = f"{self.name}-{self.draw.getrandbits(64):x}"
        if self.browser.submit(key, submit_key, strength):
            self.stored[submit_key] = (key, strength)

    def pause(self, seconds: float) -> None:
        self.browser.ended.wait(self.draw.uniform(0.3, 1.7) * seconds)


def let_work(
    project: Project, web: Web, options: argparse.Namespace
) -> tuple[list[Person], float, int]:
    ended = threading.Event()
    members = User.objects.filter(memberships__project=project).order_by("pk")
    people = [
        Person(number, Annotator(web.port, session_of(user), SLUG, ended), options)
        for number, user in enumerate(members)
    ]
    began = time.monotonic()
    for person in people:
        person.start()
    kills = 0
    while Item.objects.filter(project=project, status=Item.Status.OPEN).exists():
        if not any(person.is_alive() for person in people):
            break  # all of them met a problem
        # By progress and not by the clock: a slow machine gets the time to start what was killed.
        share = queries_progress.progress(project, members[0]).share
        if kills < options.kills and share >= (kills + 0.5) / options.kills:
            web.kill_one()
            kills += 1
        time.sleep(0.2)
    seconds = time.monotonic() - began
    ended.set()
    for person in people:
        person.join()
    return people, seconds, kills


def result(project: Project, people: list[Person], seconds: float, kills: int) -> dict[str, Any]:
    """What the database holds, against what people were told."""
    stored = {
        annotation.submit_key: annotation
        for annotation in Annotation.objects.select_related("assignment")
    }
    told = {key: said for person in people for key, said in person.stored.items()}
    wrong = [key for key, said in told.items() if key in stored and said != shown(stored[key])]
    millis = {
        name: [value for person in people for value in person.browser.millis[name]]
        for name in ("next", "submit")
    }
    did: Counter[str] = sum((person.did for person in people), Counter())
    statuses = Counter(Assignment.objects.values_list("status", flat=True))
    return {
        "database": connection.vendor,
        "items": project.items.count(),
        "items_with_exactly_k_answers": sum(has_exactly_k(item) for item in project.items.all()),
        "told_stored": len(told),
        "lost": len(set(told) - set(stored)),
        "stored_wrong": len(wrong),
        "kills": kills,
        "requests_sent_again": sum(person.browser.retries for person in people),
        "server_errors": [each for person in people for each in person.browser.failures],
        "problems": [person.problem for person in people if person.problem],
        "did": dict(did),
        "turns": dict(statuses),
        "seconds": round(seconds, 1),
        "p50_ms": {name: round(share(values, 50), 1) for name, values in millis.items()},
        "p95_ms": {name: round(share(values, 95), 1) for name, values in millis.items()},
    }


def has_exactly_k(item: Item) -> bool:
    turns = [turn for turn in item.assignments.all() if turn.slot is not None]
    people = {turn.annotator_id for turn in turns}
    answered = [turn for turn in turns if turn.status == Assignment.Status.ANSWERED]
    answers = [turn.annotations.latest("revision").kind for turn in answered]
    slots = sorted(turn.slot for turn in answered if turn.slot is not None)
    return (
        slots == list(range(item.answers_wanted))
        and len(people) == len(turns) == item.answers_wanted
        and answers == [Annotation.Kind.ANSWER] * item.answers_wanted
        and (item.status, item.open_slots) == (Item.Status.COMPLETE, 0)
        and item.answer_count == item.answers_wanted
    )


def shown(annotation: Annotation) -> tuple[str, int]:
    """The assignment's key, and the strength as the annotator's screen had it."""
    turn = annotation.assignment
    assert annotation.answer is not None
    strength: int = annotation.answer["strength"]
    return str(turn.key), strength if turn.display_order == [0, 1] else -strength


if __name__ == "__main__":
    main()
