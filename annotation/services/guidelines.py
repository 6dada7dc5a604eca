"""Guidelines that are read: a version that changed what people go by is acknowledged."""

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Subquery

from annotation.models import Acknowledgement, Assignment, Guideline, Project
from annotation.services.errors import NotAllowed


def unread_guideline(project: Project, annotator: User) -> Guideline | None:
    """The guideline in force, if this person has to acknowledge it before the next item.

    Whoever begins goes by what is in force then, and is asked from the next version on.
    """
    read = Acknowledgement.objects.filter(guideline=OuterRef("pk"), user=annotator)
    newest = project.guidelines.annotate(is_read=Exists(read)).order_by("-version").first()
    if newest is None or newest.is_read:
        return None
    known = known_version(project, annotator)
    if known is not None and known < newest.version:
        return newest
    begun = Acknowledgement(guideline=newest, user=annotator)
    Acknowledgement.objects.bulk_create([begun], ignore_conflicts=True)
    return None


def known_version(project: Project, annotator: User) -> int | None:
    """The version that the person goes by: the last one acknowledged, else that of their first
    item (0 where there was none then); None for somebody who has not begun."""
    versions = Acknowledgement.objects.filter(guideline__project=project, user=annotator)
    turns = Assignment.objects.filter(annotator=annotator, item__project=project).order_by("id")
    acknowledged, first, has_begun = (
        Project.objects.filter(pk=project.pk)
        .values_list(
            Subquery(versions.order_by("-guideline__version").values("guideline__version")[:1]),
            Subquery(turns.values("guideline__version")[:1]),
            Exists(turns),
        )
        .get()
    )
    if acknowledged is None and not has_begun:
        return None
    return acknowledged or first or 0


@transaction.atomic
def acknowledge(project: Project, annotator: User, version: int) -> None:
    """Note that the person has read this version. Items they hold open are judged by it now."""
    guideline = project.guidelines.filter(version=version).first()
    if guideline is None:
        raise NotAllowed("There is no such version of the guidelines. Load the page again.")
    Acknowledgement.objects.get_or_create(guideline=guideline, user=annotator)
    Assignment.objects.filter(
        Q(guideline=None) | Q(guideline__version__lt=version),
        annotator=annotator,
        item__project=project,
        status=Assignment.Status.LEASED,
    ).update(guideline=guideline)
