"""Annotators as operating-system processes: `python -m tests.annotation.crowd PLAN.json`.

The plan names what everyone does and with whom; every process writes what it was told is stored
(one JSON line a fact) into its own file in the plan's folder. The database is the one that
TEST_DATABASE_URL names. Processes are forked before the first connection is made.
"""

import faulthandler
import json
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")
django.setup()

from django.contrib.auth.models import User  # noqa: E402

from annotation import services  # noqa: E402
from annotation.models import Assignment, Item, Project  # noqa: E402

Say = Callable[..., None]


def judge(username: str, plan: dict[str, Any], say: Say) -> None:
    """Work until nothing is open: skip, abandon, come late, undo, click twice, die.

    What everybody does in the first two turns is set, the rest is drawn: however the machine lets
    them run, something of each was done.
    """
    draw = random.Random(f"{plan['seed']}:{username}")
    me = User.objects.get(username=username)
    project = Project.objects.get(slug=plan["project"])
    abandoned: list[Assignment] = []
    number = 0
    skips = username in plan["may_skip"]  # others stay, so that every item finds its K people
    mortal = username in plan["mortal"]
    while Item.objects.filter(project=project, status=Item.Status.OPEN).exists():
        assignment = services.claim_next(project, me)
        if assignment is None:
            if abandoned and draw.random() < 0.5:
                late = abandoned.pop()  # back from lunch: its lease has run out, or soon will
                submit(late, draw, say, f"{username}-late-{late.pk}")
            time.sleep(0.02)
            continue
        number += 1
        if number == 2 and mortal:
            os.kill(os.getpid(), signal.SIGKILL)
        dice = draw.random()
        if skips and (number == 1 or dice < 0.2):
            services.skip(assignment, "not for me")
            say("skipped", assignment)
        elif number == 1 and mortal:
            pass  # never comes back to it
        elif number > 2 and dice < 0.30:
            abandoned.append(assignment)
        else:
            key = f"{username}-{number}"
            with suppress(services.AssignmentLost):  # on a busy machine a lease may run out here
                services.heartbeat(assignment, 1.0)
            submit(assignment, draw, say, key)
            if number == 2 or draw.random() < 0.2:
                submit(assignment, draw, say, key)  # a second click
            if plan.get("may_undo", True) and (number == 2 or draw.random() < 0.15):
                undone = services.undo_last(project, me)
                if undone is not None and draw.random() < 0.5:
                    submit(undone, draw, say, f"{key}-again")
        if number == 1:
            plan["all_began"].wait(plan["seconds"])


def submit(assignment: Assignment, draw: random.Random, say: Say, key: str) -> None:
    # The answer follows from the key: a repeated key always carries the same answer.
    answer = {"strength": sum(key.encode()) % 7 - 3, "both_bad": False}
    try:
        annotation = services.submit_answer(assignment, answer=answer, submit_key=key)
    except services.AssignmentLost:
        return  # skipped before it was sent
    say("submitted", assignment, key=key, annotation=annotation.pk)


def claim_once(username: str, plan: dict[str, Any], say: Say) -> None:
    """Everybody asks at the same moment, once."""
    me = User.objects.get(username=username)
    project = Project.objects.get(slug=plan["project"])
    wait_until(plan["start"])
    assignment = services.claim_next(project, me)
    if assignment is not None:
        say("claimed", assignment)


def submit_same_key(username: str, plan: dict[str, Any], say: Say) -> None:
    """The same form arrives many times at the same moment."""
    assignment = Assignment.objects.select_related("item__project").get(key=plan["assignment"])
    wait_until(plan["start"])
    annotation = services.submit_answer(
        assignment, answer={"strength": 2, "both_bad": False}, submit_key="the-key"
    )
    say("submitted", assignment, annotation=annotation.pk)


def wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))


ACTS = {"judge": judge, "claim_once": claim_once, "submit_same_key": submit_same_key}


def person(username: str, plan: dict[str, Any]) -> None:
    faulthandler.enable()
    faulthandler.dump_traceback_later(plan["seconds"], exit=True)  # nobody outlives the test
    with Path(plan["folder"], f"{username}.jsonl").open("a") as file:

        def say(what: str, assignment: Assignment, **more: Any) -> None:
            fact = {"what": what, "who": username, "assignment": str(assignment.key), **more}
            file.write(json.dumps(fact) + "\n")
            file.flush()

        ACTS[plan["act"]](username, plan, say)


def main(plan_file: str) -> int:
    plan = json.loads(Path(plan_file).read_text())
    plan["start"] = time.time() + 1.0  # all are forked and connected by then
    context = multiprocessing.get_context("fork")
    plan["all_began"] = context.Barrier(len(plan["people"]))  # nobody takes all before others come
    people = [context.Process(target=person, args=(name, plan)) for name in plan["people"]]
    for process in people:
        process.start()
    for process in people:
        process.join()
    bad = {
        name: process.exitcode
        for name, process in zip(plan["people"], people, strict=True)
        if process.exitcode not in (0, -signal.SIGKILL if name in plan.get("mortal", []) else 0)
    }
    if bad:
        print(f"These ended badly, with such exit codes: {bad}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
