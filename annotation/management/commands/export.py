"""`manage.py export PROJECT --format FORMAT --output FILE`; `--help` names the formats."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.exports import EXPORTS, SUFFIXES
from annotation.exports.filters import FILTERS, LABELS, FilterInvalid
from annotation.exports.writer import ExportRefused, manifest_path, write_export
from annotation.management.imports import project_named
from annotation.models import Item, Prompt


class Command(BaseCommand):
    help = "Write the project's judgements as a dataset, with a manifest beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--format", required=True, choices=list(EXPORTS))
        endings = ", ".join(f".{suffix}" for suffix in SUFFIXES)
        parser.add_argument("--output", required=True, type=Path, help=f"ends with {endings}")
        parser.add_argument("--split", choices=Prompt.Split.values, help="only this split")
        parser.add_argument("--round", type=int, action="append", dest="rounds", metavar="N")
        parser.add_argument("--origin", action="append", dest="origins", choices=Item.Origin.values)
        parser.add_argument("--source", action="append", dest="sources", metavar="SLUG")
        parser.add_argument(
            "--labels", choices=list(LABELS), help="what several answers to an item become"
        )
        parser.add_argument("--batch", action="append", dest="batches", metavar="NAME")
        parser.add_argument("--answers", type=int, metavar="N", help="only items with so many")
        parser.add_argument(
            "--agreement", type=float, metavar="SHARE", help="only items whose answers agree so far"
        )
        parser.add_argument(
            "--annotator",
            action="append",
            dest="annotators",
            metavar="PSEUDONYM",
            help="only answers of these, named as raw exports name them",
        )
        parser.add_argument(
            "--guideline", type=int, action="append", dest="guidelines", metavar="VERSION"
        )
        parser.add_argument("--since", help="only answers from this date on, such as 2026-01-31")

    def handle(self, *args: Any, project: str, output: Path, **options: Any) -> None:
        filters = {name: options[name] for name in FILTERS}
        try:
            manifest = write_export(
                project_named(project),
                options["format"],
                output,
                split=options["split"],
                filters=filters,
            )
        except (ExportRefused, FilterInvalid) as refusal:
            raise CommandError(str(refusal)) from None
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
        self.stderr.write(f"Manifest: {manifest_path(output).name}")
        self.stdout.write(json.dumps({key: manifest[key] for key in ("rows", "splits", "sha256")}))
