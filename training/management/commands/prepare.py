"""`manage.py prepare`: what each start of an installation does first.

Migrates the database, collects the static files, knows the demo model, and seeds the demo project
into a database in which there is nobody yet. One process, so that a second start takes seconds.
"""

from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from annotation.models import Project
from training import registry


class Command(BaseCommand):
    help = "Bring the database and the static files up to date; seed the demo into an empty one."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="never seed the demo project")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        registry.forget_missing()
        is_new = not User.objects.exists() and not Project.objects.exists()
        if is_new and not options["no_demo"]:
            registry.demo_checkpoint()
            call_command("seed_demo", stdout=self.stdout)
