"""Categories that an annotator does not want to be asked about."""

from collections.abc import Collection

from django.contrib.auth.models import User

from annotation.models import Assignment, Bookmark, CategoryOptOut, Project
from annotation.services.answers import skip
from annotation.services.errors import NotAllowed

SKIP_REASON = "Opted out of this category"


def opt_out(project: Project, annotator: User, category: str) -> None:
    """Ask the annotator nothing of this category any more; what is held of it goes back.

    No transaction around it all: each item that goes back locks its own row, and whoever holds
    one must not wait for another. Cut off in the middle, the leases that are left run out.
    """
    if category not in project.harm_categories:
        raise NotAllowed("This project does not warn of this category.")
    CategoryOptOut.objects.get_or_create(project=project, annotator=annotator, category=category)
    held = Assignment.objects.filter(
        item__project=project,
        item__prompt__category=category,
        annotator=annotator,
        status=Assignment.Status.LEASED,
    )
    for assignment in held:
        try:
            skip(assignment, SKIP_REASON)
        except NotAllowed:
            continue  # answered at this moment, in another tab


def choose_categories(project: Project, annotator: User, unwanted: Collection[str]) -> None:
    """Opt out of exactly these; what was skipped before stays skipped."""
    gone = CategoryOptOut.objects.filter(project=project, annotator=annotator).exclude(
        category__in=unwanted
    )
    if gone.delete()[0]:  # what was passed in the queue is to be found again
        Bookmark.objects.filter(project=project, annotator=annotator).delete()
    there = set(project.opt_outs.filter(annotator=annotator).values_list("category", flat=True))
    for category in sorted(set(unwanted) - there):
        opt_out(project, annotator, category)
