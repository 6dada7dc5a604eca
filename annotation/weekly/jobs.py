"""Telling people of their week: the row of WeekNote is the truth, so each is told once.

Rows are made on Monday morning, for whoever answered something in the week before, whichever
worker comes first: a second row is refused by the database. A mail is sent by who moved its row
from `queued` to `sending`. A server that takes nothing gets it again later, ever more rarely, until
the next week is over; should it have taken it after all and lost the line before saying so, both
copies have one id. A worker that stopped between sending and saying so leaves the row `sending`:
such a mail is not sent again, for it may have arrived, and the page says the same.
"""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import get_connection
from django.db.models import F, Q
from django.utils import timezone

from annotation.models import Annotation, Membership, Project, WeekNote
from annotation.permissions import role_of, roles_for
from annotation.services.weeks import wants_weekly_mail
from annotation.weekly.compared import compared
from annotation.weekly.letter import message_of
from annotation.weekly.week import Week, last_week

Mail = WeekNote.Mail
FIRST_WAIT = timedelta(minutes=5)  # after a server took nothing; then twice as long each time
LONGEST_WAIT = timedelta(hours=6)
UNSURE_AFTER = timedelta(minutes=30)  # a server is waited for EMAIL_TIMEOUT seconds a command
logger = logging.getLogger(__name__)


def tell_people(now: datetime | None = None) -> int:
    """Make the notes of the last week that are not there yet; how many there were to make.

    Nothing before Monday morning. Researchers and those above are told nothing: it is they whom
    the others are compared with.
    """
    now = now or timezone.now()
    week = last_week(now)
    if now < week.ready:
        return 0
    told = 0
    for project in Project.objects.filter(is_archived=False):
        for user in _people_of(project, week):
            note = _note_of(project, user, week, now)
            WeekNote.objects.bulk_create([note], ignore_conflicts=True)
            told += 1
    return told


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


# --- by e-mail ------------------------------------------------------------------------------------


def send_mails(now: datetime | None = None) -> int:
    """Send what is due; how many mails a server took.

    Where no server is reached the turn ends: the others would wait in vain. One address that is not
    served yet keeps nobody waiting.
    """
    now = now or timezone.now()
    stuck = WeekNote.objects.filter(mail=Mail.SENDING, mail_at__lt=now - UNSURE_AFTER)
    stuck.update(mail=Mail.UNSURE, mail_why="The worker stopped while sending.")
    sent = 0
    due = WeekNote.objects.filter(mail=Mail.QUEUED, mail_at__lte=now).order_by("mail_at", "pk")
    for pk in list(due.values_list("pk", flat=True)):
        try:
            sent += carry_out(pk, now)
        except SMTPRecipientsRefused:
            logger.info("The mail of note %s is not taken yet.", pk)
        except (OSError, SMTPException):
            logger.exception("The mail server takes nothing; mails of the week wait.")
            break
    return sent


def carry_out(note_id: int, now: datetime | None = None) -> bool:
    """Send one mail, if nobody else does; whether a server took it.

    Raises OSError or SMTPException where the server took nothing: the mail is queued again.
    """
    now = now or timezone.now()
    claimed = WeekNote.objects.filter(pk=note_id, mail=Mail.QUEUED).update(
        mail=Mail.SENDING, mail_at=timezone.now(), tries=F("tries") + 1
    )
    if not claimed:
        return False
    note = WeekNote.objects.select_related("project", "annotator").get(pk=note_id)
    if why := _why_not(note, now):
        _close(note, Mail.NONE, why)
        return False
    try:
        message = message_of(note)
        message.connection = get_connection()
        taken = message.send()
    except (OSError, SMTPException) as error:
        if _is_final(error):
            logger.warning("The mail of note %s was refused: %s", note.pk, error)
            _close(note, Mail.REFUSED, "The mail server does not know the address.")
            return False
        _try_again(note, now)
        raise
    except Exception:
        _close(note, Mail.REFUSED, "The mail could not be written.")
        logger.exception("The mail of note %s could not be written.", note.pk)
        return False
    _close(note, Mail.SENT if taken else Mail.REFUSED)
    return bool(taken)


def _why_not(note: WeekNote, now: datetime) -> str:
    """Why the person gets no mail of this week after all; empty where they get one."""
    user = note.annotator
    if not user.email:
        return "The account has no address."
    if not user.is_active or role_of(user, note.project) is None or note.project.is_archived:
        return "The person is not in the project any more."
    if not wants_weekly_mail(user):
        return "The person wants no such e-mails."
    if not settings.WEEKLY_MAIL_IS_ON:
        return "No mail server is named."
    if Week(note.monday) != last_week(now):
        return "The mail server took nothing for a week."
    return ""


def _is_final(error: Exception) -> bool:
    """Whether the server said that it never takes mail for this address (RFC 5321: 5yz)."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in error.recipients.values())
    return False


def _try_again(note: WeekNote, now: datetime) -> None:
    wait = min(FIRST_WAIT * 2 ** min(note.tries - 1, 10), LONGEST_WAIT)
    WeekNote.objects.filter(pk=note.pk, mail=Mail.SENDING).update(
        mail=Mail.QUEUED, mail_at=now + wait, mail_why="The mail server took nothing yet."
    )


def _close(note: WeekNote, mail: str, why: str = "") -> None:
    WeekNote.objects.filter(pk=note.pk, mail=Mail.SENDING).update(mail=mail, mail_why=why)
