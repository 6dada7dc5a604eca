"""`manage.py import_comparisons PROJECT FILE --format FORMAT`: read votes given elsewhere."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from annotation.imports import COMPARISON_FORMATS
from annotation.management.imports import print_account, project_named, read_in


class Command(BaseCommand):
    help = "Read comparisons with their votes from a file; nothing is added twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", required=True, choices=list(COMPARISON_FORMATS))

    def handle(self, *args: Any, project: str, file: Path, **options: Any) -> None:
        job = read_in(project_named(project), "comparisons", options["format"], file)
        print_account(self, job)
