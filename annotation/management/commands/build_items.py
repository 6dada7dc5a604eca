"""`manage.py build_items PROJECT --strategy STRATEGY --count N`: ask about what is here."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from annotation import services
from annotation.builders import STRATEGIES
from annotation.management.imports import project_named


class Command(BaseCommand):
    help = "Queue items about responses that the project has, beside a random control arm."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--strategy", required=True, choices=list(STRATEGIES))
        parser.add_argument("--count", type=int, required=True, help="items, at most")
        parser.add_argument(
            "--control-share",
            type=float,
            default=0.2,
            help="share of the items whose prompt and responses are drawn at random (default 0.2)",
        )
        parser.add_argument("--k", type=int, default=2, help="responses an item (default 2)")
        parser.add_argument("--scorer", default="", help="whose scores count, if several scored")
        parser.add_argument("--task-type", default="", help="default: the project's")
        parser.add_argument(
            "--balance",
            action="store_true",
            help="choose so that categories move towards their target shares",
        )
        parser.add_argument("--priority", type=int, default=0, help="higher comes first")
        parser.add_argument("--batch", default="", help="put them into the batch of this name")
        parser.add_argument("--seed", type=int, help="the seed of an earlier build, to repeat it")

    def handle(self, *args: Any, project: str, strategy: str, **options: Any) -> None:
        names = ("count", "control_share", "k", "scorer", "task_type", "balance")
        chosen = {name: options[name] for name in (*names, "priority", "seed")}
        asked_in = project_named(project)
        try:
            with transaction.atomic():
                if options["batch"]:
                    chosen["batch"] = services.get_or_add_batch(asked_in, options["batch"])
                built = services.build_items(asked_in, strategy, **chosen)
        except services.ContentInvalid as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(
            f"{built.chosen} items of the arm {strategy} and {built.control} of the arm random,"
            f" out of {built.prompts} prompts. Seed {built.seed}."
        )
