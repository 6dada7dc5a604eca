"""Telling people of their week: the row of WeekNote is the truth, so each is told once.

Rows are made on Monday morning, for whoever answered something in the week before, whichever
worker comes first: a second row is refused by the database.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from annotation.models import Annotation, Membership, Project, WeekNote
from annotation.permissions import roles_for
from annotation.weekly.compared import compared
from annotation.weekly.week import Week, last_week

Mail = WeekNote.Mail


def tell_people(now: datetime | None = None) -> int:
    """Make the notes of the last week that are not there yet; how many there were to make.

    Nothing before Monday morning. Researchers and those above are told nothing: it is they whom
    the others are compared with.
    """
    now = now or timezone.now()
    week = last_week(now)
    if now < week.ready:
        return 0
    notes = [
        _note_of(project, user, week, now)
        for project in Project.objects.filter(is_archived=False)
        for user in _people_of(project, week)
    ]
    WeekNote.objects.bulk_create(notes, ignore_conflicts=True)
    return len(notes)


def _people_of(project: Project, week: Week) -> list[User]:
    """Who answered something in the week, and has no note of it."""
    said = Annotation.objects.filter(
        assignment__item__project=project, created__gte=week.start, created__lt=week.end
    )
    told = WeekNote.objects.filter(project=project, monday=week.monday)
    members = Membership.objects.filter(~Q(role__in=roles_for("research")), project=project)
    found = User.objects.filter(is_active=True, pk__in=members.values("user"))
    found = found.filter(pk__in=said.order_by().values("assignment__annotator"))
    return list(found.exclude(pk__in=told.values("annotator")).order_by("pk"))


def _note_of(project: Project, user: User, week: Week, now: datetime) -> WeekNote:
    items = [each.turn.item_id for each in compared(project, user, week) if not each.is_training]
    note = WeekNote(project=project, annotator=user, monday=week.monday, items=items)
    if settings.WEEKLY_MAIL_IS_ON:
        note.mail, note.mail_at = Mail.QUEUED, now
    return note
