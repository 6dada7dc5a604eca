"""What the commands that read and write files share."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from annotation.imports.jobs import ImportRefused, import_file
from annotation.models import ImportBatch, Project

SHOWN = 20  # rejected lines printed; the web shows all


def project_named(slug: str) -> Project:
    """The project; CommandError names those that there are."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        known = ", ".join(Project.objects.order_by("slug").values_list("slug", flat=True)[:20])
        raise CommandError(f"There is no project {slug}. Projects here: {known or 'none yet'}.")
    return project


def read_in(project: Project, kind: str, format_slug: str, file: Path) -> ImportBatch:
    try:
        return import_file(project, kind, format_slug, file)
    except ImportRefused as refusal:
        raise CommandError(str(refusal)) from None


def print_account(command: BaseCommand, job: ImportBatch) -> None:
    """What was taken and what was not; CommandError when the file could not be read to its end."""
    for rejection in job.rejections.all()[:SHOWN]:
        command.stderr.write(f"line {rejection.line}: {rejection.reason}")
    if job.rejected_count > SHOWN:
        more = job.rejected_count - SHOWN
        command.stderr.write(f"… and {more} more; see import {job.pk} in the project's pages.")
    command.stdout.write(
        f"{job.line_count} lines: {job.known_count} known already, {job.rejected_count} rejected."
        f" Added {job.prompt_count} prompts, {job.response_count} responses,"
        f" {job.item_count} items, {job.annotation_count} annotations."
    )
    if job.status == ImportBatch.Status.FAILED:
        raise CommandError(f"The file was not read to its end. {job.error}")
