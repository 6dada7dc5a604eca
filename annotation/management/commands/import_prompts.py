"""`manage.py import_prompts PROJECT FILE`: read prompts from JSON lines, CSV or Parquet.

In a project where people write demonstrations, each prompt is asked at once.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from annotation.management.imports import print_account, project_named, read_in


class Command(BaseCommand):
    help = "Read prompts from a file (.jsonl, .csv, .parquet, also .gz); nothing is added twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, project: str, file: Path, **options: Any) -> None:
        job = read_in(project_named(project), "prompts", "prompts", file)
        print_account(self, job)
