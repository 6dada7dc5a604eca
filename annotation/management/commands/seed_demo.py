"""`manage.py seed_demo`: a project to try everything on, and three people to do it as.

The prompts were written for it; the responses were sampled from the demo model and lie in
`annotation/demo/`, so the first pair is there at once and no model has to be loaded.
"""

import json
import secrets
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from annotation import services
from annotation.models import Item, Membership, Project, Source

DEMO = Path(__file__).resolve().parent.parent.parent / "demo"
SLUG = "demo"
# The checkpoint of the same slug wrote the responses: new samples of it count as the same source.
SOURCE = {"slug": "demo", "label": "SmolLM2 135M Instruct (demo)", "kind": Source.Kind.CHECKPOINT}
RESEARCHER = "researcher"
ANNOTATORS = ("annotator_1", "annotator_2")
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without the pairs that are read as each other


def new_password() -> str:
    """About 79 bits, in groups that can be typed from a screen."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))


def read_lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DEMO / name).read_text(encoding="utf-8").splitlines()]


@transaction.atomic
def seed() -> dict[str, str]:
    """Make the demo project and its people; return their passwords by name."""
    passwords = {name: new_password() for name in (RESEARCHER, *ANNOTATORS)}
    people = {
        name: User.objects.create_user(name, password=password, is_staff=name == RESEARCHER)
        for name, password in passwords.items()
    }
    project = services.create_project(
        slug=SLUG,
        name="Demo: short answers",
        description="Everyday questions, each answered twice by a tiny model. Try it all here.",
        owner=people[RESEARCHER],
        guideline=(DEMO / "guideline.md").read_text(encoding="utf-8"),
        answers_per_item=1,
        test_share=0.25,
        split_salt=SLUG,  # the same split in every installation
    )
    for name in ANNOTATORS:
        services.add_member(project, people[name], Membership.Role.ANNOTATOR)
    add_items(project)
    return passwords


def add_items(project: Project) -> None:
    source = services.get_or_add_source(project, **SOURCE)
    texts: dict[str, list[str]] = {}
    for row in read_lines("responses.jsonl"):
        texts.setdefault(row["external_id"], []).append(row["text"])
    for row in read_lines("prompts.jsonl"):
        prompt, _ = services.get_or_add_prompt(
            project, row["messages"], category=row["category"], external_id=row["external_id"]
        )
        pair = [
            services.get_or_add_response(prompt, source, text)[0]
            for text in texts[row["external_id"]]
        ]
        services.queue_item(
            project, prompt, pair, key=f"demo:{row['external_id']}", origin=Item.Origin.DEMO
        )


class Command(BaseCommand):
    help = "Make the demo project, a researcher and two annotators; prints their passwords once."

    def handle(self, *args: Any, **options: Any) -> None:
        names = [RESEARCHER, *ANNOTATORS]
        if Project.objects.filter(slug=SLUG).exists():
            raise CommandError(f"There is a project {SLUG} already; nothing was changed.")
        if taken := User.objects.filter(username__in=names).values_list("username", flat=True):
            raise CommandError(
                f"There is a user {taken[0]} already; nothing was changed. Rename that one first."
            )
        passwords = seed()
        width = max(map(len, passwords))
        self.stdout.write("\nThe demo project is ready. Sign in as one of these; the passwords are")
        self.stdout.write("shown this once (manage.py changepassword NAME sets a new one):\n\n")
        for name, password in passwords.items():
            self.stdout.write(f"    {name:<{width}}  {password}")
        self.stdout.write("")
