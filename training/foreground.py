"""A run in the process of a command, without a worker: what `train` and `sample` share."""

import argparse
import json
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from training import queries, runner, services
from training.models import Checkpoint, Run

Write = Callable[[str], Any]


class ForegroundCommand(BaseCommand):
    """Makes a run from the options, carries it out here and prints its outcome in JSON."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--opponent", metavar="SLUG|ID", help="sampling: compared with")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            type=setting,
            metavar="KEY=VALUE",
            dest="knobs",
            help="one setting of the algorithm; may be repeated",
        )

    def carry_out(
        self,
        algorithm: str,
        config: Mapping[str, Any],
        checkpoint: Callable[[], Checkpoint],
        options: Mapping[str, Any],
    ) -> None:
        opponent = options["opponent"]
        try:
            run = services.create_run(
                queries.project_of(options["project"]),
                algorithm,
                {**config, **dict(options["knobs"])},
                checkpoint(),
                opponent=queries.checkpoint_of(opponent) if opponent else None,
                filters={"labels": options.get("labels")},
            )
        except (services.RunInvalid, queries.NotFound) as error:
            raise CommandError(str(error)) from error
        services.start_run(run, tell_worker=False)
        finished = carry_out_here(run, self.stderr.write)
        self.stdout.write(json.dumps(queries.outcome(finished)))
        if finished.status == Run.Status.FAILED:
            raise CommandError(finished.error)


def setting(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def carry_out_here(run: Run, write: Write) -> Run:
    """Carry a queued run out here; the first Ctrl-C cancels it, the second one kills it."""
    said = ""

    def report(now: Run) -> None:
        nonlocal said
        of = f" {now.done}/{now.total}" if now.total else ""
        if (line := f"run {now.pk}: {now.phase}{of}") != said:
            said = line
            write(line)

    def cancel(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler)
        write(f"run {run.pk}: ends after this step and saves; once more to end at once")
        with suppress(services.NotNow):
            services.cancel_run(run)

    before = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        runner.carry_out(run.pk, report=report)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return queries.run_of(run.pk)
