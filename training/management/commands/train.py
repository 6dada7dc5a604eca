"""Train in the foreground: `manage.py train dpo --project demo --set epochs=2`."""

from functools import partial
from typing import Any

from django.core.management.base import CommandParser

from annotation.exports.filters import LABELS
from training import queries, registry
from training.engine.configs import ALGORITHMS
from training.foreground import ForegroundCommand


class Command(ForegroundCommand):
    help = (
        "Run an algorithm in this process, without a worker. The last line on standard output is "
        '{"run", "status", "checkpoint", "metrics"} in JSON; progress goes to standard error.'
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("algorithm", choices=list(ALGORITHMS))
        super().add_arguments(parser)
        parser.add_argument(
            "--labels", choices=list(LABELS), help="what several answers to an item become"
        )
        parser.add_argument(
            "--checkpoint", metavar="SLUG|ID", help="what to start from; the demo model if not said"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = options["checkpoint"]
        checkpoint = partial(queries.checkpoint_of, chosen) if chosen else registry.demo_checkpoint
        self.carry_out(options["algorithm"], {}, checkpoint, options)
