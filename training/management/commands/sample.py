"""Queue fresh samples for judging: `manage.py sample CHECKPOINT --project demo --n 2`."""

from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser

from training import queries
from training.foreground import ForegroundCommand


class Command(ForegroundCommand):
    help = (
        "Let a checkpoint answer the project's prompts N times each and queue pairs of the answers "
        "for blind judging; with --opponent, pairs with that checkpoint's answers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("checkpoint", metavar="CHECKPOINT", help="its id or slug")
        super().add_arguments(parser)
        parser.add_argument("--n", type=int, default=2, help="responses for each prompt")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["n"] < 2 and not options["opponent"]:
            raise CommandError("--n must be at least 2: the samples are compared with each other.")
        checkpoint = partial(queries.checkpoint_of, options["checkpoint"])
        self.carry_out("sample", {"n": options["n"]}, checkpoint, options)
