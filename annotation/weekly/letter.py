"""The e-mail of a person's week: a few figures and a link. What models and people wrote stays here.

The message's id is made of the person, the project and the week, so that two copies of it, should
a mail server make them, are one and the same to the reader's program.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from annotation.models import WeekNote
from annotation.queries_weekly import Figures, figures
from annotation.services.weeks import unsubscribe_token
from annotation.weekly.compared import compared
from annotation.weekly.week import Week


@dataclass(frozen=True)
class Letter:
    """What the templates of the mail may touch."""

    name: str
    project: str
    week: Week
    now: Figures
    link: str
    account: str
    stop: str


def letter_of(note: WeekNote) -> Letter:
    """What is said of the week of this note."""
    project, user, week = note.project, note.annotator, Week(note.monday)
    found = compared(project, user, week, note.items)
    return Letter(
        name=user.first_name or user.get_username(),
        project=project.name,
        week=week,
        now=figures(project, user, week, found),
        link=_address("week_of", project.slug, week.monday.isoformat()),
        account=_address("account"),
        stop=_address("stop_mail", unsubscribe_token(user)),
    )


def message_of(note: WeekNote) -> EmailMultiAlternatives:
    """The mail of this note: plain text, and the same as simple HTML."""
    letter = letter_of(note)
    context = {"letter": letter}
    # A line break in a name would be one in the head of the message.
    subject = " ".join(f"Your week in {letter.project}".split())
    host = urlsplit(settings.SITE_URL).hostname
    message = EmailMultiAlternatives(
        subject,
        render_to_string("annotation/mail/week.txt", context),
        to=[note.annotator.email],
        headers={
            "Message-ID": f"<week-{note.monday}-{note.project_id}-{note.annotator_id}@{host}>",
            "List-Unsubscribe": f"<{letter.stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",  # RFC 8058
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string("annotation/mail/week.html", context), "text/html")
    return message


def _address(name: str, *args: str) -> str:
    site: str = settings.SITE_URL
    return site + reverse(name, args=args)
