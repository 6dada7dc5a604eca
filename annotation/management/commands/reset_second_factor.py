"""`manage.py reset_second_factor USERNAME`: for who lost phone and recovery codes."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation import services


class Command(BaseCommand):
    help = "Take the second factor off an account. Make sure who asks for it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        try:
            services.reset_second_factor(username)
        except services.NotAllowed as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{username} signs in with the password alone now.")
