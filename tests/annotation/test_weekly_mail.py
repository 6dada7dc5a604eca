"""Told once: the note of a week, and its e-mail, whatever workers and servers do."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from datetime import datetime, timedelta
from logging import LogRecord
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from annotation import services, tasks
from annotation.models import Annotation, Project, WeekNote
from annotation.services.weeks import (
    choose_weekly_mail,
    reader_of,
    unsubscribe_token,
    wants_weekly_mail,
)
from annotation.weekly.jobs import FIRST_WAIT, UNSURE_AFTER, carry_out, send_mails, tell_people
from annotation.weekly.week import Week, last_week
from config.logs import HideSecrets
from tests.builders import make_annotation, make_item, make_member, make_project

Mail = WeekNote.Mail
PAGE = "/projects/demo/week/"


class Broken(EmailBackend):
    """A mail server that says no, in one of its ways."""

    error: Exception = OSError("no route")

    def send_messages(self, messages: Sequence[Any]) -> int:
        raise self.error


BROKEN = f"{Broken.__module__}.{Broken.__qualname__}"


@pytest.fixture
def mails(settings: Settings) -> Settings:
    settings.WEEKLY_MAIL_IS_ON = True
    settings.SITE_URL = "https://prefloop.example.org"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    return settings


@pytest.fixture
def worker(project: Project, annotator: User, researcher: User) -> User:
    """Somebody with an address who answered an item in the last week, unlike a researcher."""
    User.objects.filter(pk=annotator.pk).update(email="a@example.org")
    item = make_item(project, answers_wanted=2)
    make_annotation(item, annotator, strength=2)
    make_annotation(item, researcher, strength=-2)
    Annotation.objects.update(created=last_week().start + timedelta(days=2))
    annotator.refresh_from_db()
    return annotator


def ready() -> datetime:
    return last_week().ready


def sent() -> EmailMultiAlternatives:
    (message,) = mail.outbox
    assert isinstance(message, EmailMultiAlternatives)
    return message


# --- the note -------------------------------------------------------------------------------------


def test_who_worked_is_told_once_and_not_before_monday_morning(
    project: Project, worker: User
) -> None:
    make_member(project)  # did nothing
    assert tell_people(ready() - timedelta(seconds=1)) == 0
    assert tell_people(ready()) == 1
    assert tell_people(ready()) == 0
    note = WeekNote.objects.get()
    assert (note.annotator, note.monday, note.mail) == (worker, last_week().monday, Mail.NONE)
    assert note.items == list(project.items.values_list("pk", flat=True))


def test_archived_projects_tell_nobody(project: Project, worker: User) -> None:
    services.update_project(project, is_archived=True)
    assert tell_people(ready()) == 0


def test_the_notice_stands_until_the_page_is_opened(
    project: Project, worker: User, client: Client
) -> None:
    client.force_login(worker)
    screen = reverse("annotate", args=[project.slug])
    assert "Your week is ready" not in client.get(screen).content.decode()
    tell_people(ready())
    for address in (screen, reverse("project", args=[project.slug]), reverse("me", args=["demo"])):
        assert "Your week is ready" in client.get(address).content.decode()
    client.head(PAGE)  # a browser that looks ahead has read nothing
    assert WeekNote.objects.get().seen is None
    client.get(PAGE)
    first = WeekNote.objects.get().seen
    client.get(PAGE)
    assert first is not None
    assert WeekNote.objects.get().seen == first
    assert "Your week is ready" not in client.get(screen).content.decode()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_the_notice_is_put_away(
    project: Project, worker: User, client: Client, headers: dict[str, str]
) -> None:
    client.force_login(worker)
    tell_people(ready())
    address = reverse("dismiss_week", args=[project.slug, last_week().monday])
    answer = client.post(address, headers=headers)
    assert (answer.status_code, answer.content) == ((200, b"") if headers else (302, b""))
    screen = client.get(reverse("annotate", args=[project.slug])).content.decode()
    assert "Your week is ready" not in screen
    assert WeekNote.objects.get().seen is None


# --- the mail -------------------------------------------------------------------------------------


def test_the_mail_says_figures_and_a_link_and_nothing_that_was_judged(
    project: Project, worker: User, mails: Settings
) -> None:
    tell_people(ready())
    assert send_mails(ready()) == 1
    message = sent()
    assert message.to == ["a@example.org"]
    assert message.subject == "Your week in Demo"
    html = str(message.alternatives[0][0])
    for text in (message.body, html):
        assert "You gave 1 answer in" in text
        assert "on 0 % (n = 1)" in text
        assert "1 item where you and the researchers differ, and why" in text
        assert f"https://prefloop.example.org{PAGE}{last_week().monday}/" in text
        for prompt in project.prompts.all():
            assert str(prompt) not in text
    assert "\n\n\n" not in message.body
    note = WeekNote.objects.get()
    assert (note.mail, note.tries) == (Mail.SENT, 1)
    head = message.message()
    assert head["Message-ID"].endswith("@prefloop.example.org>")
    assert head["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert head["List-Unsubscribe"].strip("<>") in message.body


def test_the_mail_is_sent_once(project: Project, worker: User, mails: Settings) -> None:
    for _ in range(3):
        tell_people(ready())
        send_mails(ready())
        carry_out(WeekNote.objects.get().pk, ready())
    assert len(mail.outbox) == 1


def test_nothing_is_queued_where_no_server_is_named(project: Project, worker: User) -> None:
    tell_people(ready())
    assert send_mails(ready()) == 0
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda user: User.objects.update(email=""), "no address"),
        (lambda user: choose_weekly_mail(user, False), "wants no such"),
        (lambda user: User.objects.update(is_active=False), "not in the project"),
        (lambda user: user.memberships.all().delete(), "not in the project"),
    ],
)
def test_who_gets_none_after_all(
    project: Project, worker: User, mails: Settings, change: Any, why: str
) -> None:
    tell_people(ready())
    change(worker)
    assert send_mails(ready()) == 0
    note = WeekNote.objects.get()
    assert (note.mail, mail.outbox) == (Mail.NONE, [])
    assert why in note.mail_why


@pytest.mark.parametrize("error", [OSError("no route"), SMTPServerDisconnected("gone")])
def test_a_server_that_takes_nothing_delays_the_mail(
    project: Project,
    worker: User,
    mails: Settings,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setattr(Broken, "error", error)
    works, mails.EMAIL_BACKEND = mails.EMAIL_BACKEND, BROKEN
    tell_people(ready())
    assert send_mails(ready()) == 0
    assert send_mails(ready() + FIRST_WAIT) == 0
    note = WeekNote.objects.get()
    assert (note.mail, note.tries) == (Mail.QUEUED, 2)
    assert note.mail_at == ready() + 3 * FIRST_WAIT  # 5 minutes, then 10
    mails.EMAIL_BACKEND = works
    assert send_mails(ready() + 2 * FIRST_WAIT) == 0
    assert send_mails(ready() + 3 * FIRST_WAIT) == 1
    assert send_mails(ready() + timedelta(days=1)) == 0
    assert len(mail.outbox) == 1


def test_a_server_that_is_away_all_week_is_given_up(
    project: Project, worker: User, mails: Settings
) -> None:
    tell_people(ready())
    assert send_mails(ready() + timedelta(days=8)) == 0
    assert WeekNote.objects.get().mail_why == "The mail server took nothing for a week."


@pytest.mark.parametrize(("code", "state"), [(550, Mail.REFUSED), (450, Mail.QUEUED)])
def test_an_address_that_is_refused_keeps_nobody_else_waiting(
    project: Project,
    worker: User,
    mails: Settings,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    state: str,
) -> None:
    """550 is for ever, 450 for now (RFC 5321)."""

    def refuse_one(backend: EmailBackend, messages: Sequence[Any]) -> int:
        if messages[0].to == ["a@example.org"]:
            raise SMTPRecipientsRefused({"a@example.org": (code, b"Not now, or never")})
        mail.outbox.extend(messages)
        return len(messages)

    monkeypatch.setattr(Broken, "send_messages", refuse_one)
    mails.EMAIL_BACKEND = BROKEN
    other = make_member(project)
    User.objects.filter(pk=other.pk).update(email="b@example.org")
    make_annotation(make_item(project), other)
    Annotation.objects.update(created=last_week().start + timedelta(days=2))
    tell_people(ready())
    assert send_mails(ready()) == 1
    assert [message.to for message in mail.outbox] == [["b@example.org"]]
    assert WeekNote.objects.get(annotator=worker).mail == state
    assert WeekNote.objects.get(annotator=other).mail == Mail.SENT


def test_a_mail_of_a_worker_that_died_is_not_sent_again(
    project: Project, worker: User, mails: Settings
) -> None:
    tell_people(ready())
    WeekNote.objects.update(mail=Mail.SENDING, mail_at=ready())
    assert send_mails(ready() + UNSURE_AFTER) == 0
    assert WeekNote.objects.get().mail == Mail.SENDING
    assert send_mails(ready() + UNSURE_AFTER + timedelta(seconds=1)) == 0
    assert WeekNote.objects.get().mail == Mail.UNSURE
    assert mail.outbox == []


def test_the_beat_tells_and_sends(
    project: Project, worker: User, mails: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday_noon = ready() + timedelta(hours=5)
    monkeypatch.setattr(timezone, "now", lambda: monday_noon)
    tasks.tell_of_weeks.delay()
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one_mail(mails: Settings) -> None:
    project = make_project("demo")
    people = [make_member(project) for _ in range(5)]
    for number, person in enumerate(people):
        User.objects.filter(pk=person.pk).update(email=f"{number}@example.org")
        make_annotation(make_item(project), person)
    Annotation.objects.update(created=last_week().start + timedelta(days=2))
    moment, start = ready(), Barrier(2)
    failures: list[Exception] = []

    def work() -> None:
        try:
            start.wait(10)
            tell_people(moment)
            send_mails(moment)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    workers = [Thread(target=work) for _ in range(2)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(60)
    assert failures == []
    send_mails(moment)
    assert sorted(message.to[0] for message in mail.outbox) == [
        f"{number}@example.org" for number in range(5)
    ]
    assert WeekNote.objects.filter(mail=Mail.SENT).count() == 5


# --- who wants it ---------------------------------------------------------------------------------


def test_the_link_in_the_mail_ends_them_without_signing_in(
    project: Project, worker: User, mails: Settings
) -> None:
    tell_people(ready())
    send_mails(ready())
    link = re.search(r"https://prefloop\.example\.org(/mail/stop/\S+)", sent().body)
    assert link
    stranger = Client(enforce_csrf_checks=True)
    page = stranger.get(link[1]).content.decode()
    assert "Send me no more" in page
    assert worker.get_username() not in page
    assert wants_weekly_mail(worker)  # programs that open links end nothing
    answer = stranger.post(link[1], {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "No more e-mails" in answer.content.decode()
    assert not wants_weekly_mail(worker)


def test_a_link_that_is_not_ours_ends_nothing(worker: User) -> None:
    token = unsubscribe_token(worker)
    assert reader_of(token) == worker
    for other in (token[:-1], token.replace(":", ";"), "x", f"{worker.pk}"):
        assert Client().post(reverse("stop_mail", args=[other])).status_code == 404
    User.objects.filter(pk=worker.pk).update(email="new@example.org")
    assert reader_of(token) is None
    assert wants_weekly_mail(worker)


def test_the_link_stands_in_no_log_and_tells_no_address(worker: User) -> None:
    token = unsubscribe_token(worker)
    record = LogRecord("r", 30, "", 1, "Not Found: %s", (f"/mail/stop/{token}/",), None)
    assert HideSecrets().filter(record)
    assert record.getMessage() == "Not Found: /mail/stop/…/"
    assert "example" not in readable(token)


def readable(token: str) -> str:
    """What can be read in the token without the key."""
    body = token.split(":")[0].lstrip(".")
    return urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode("latin-1")


def test_it_is_chosen_under_the_account(worker: User, mails: Settings, client: Client) -> None:
    client.force_login(worker)
    assert "Send me none" in client.get(reverse("account")).content.decode()
    client.post(reverse("choose_mail"), {"weekly": "no"})
    assert not wants_weekly_mail(worker)
    assert "Send it to me" in client.get(reverse("account")).content.decode()
    client.post(reverse("choose_mail"), {"weekly": "perhaps"})
    assert not wants_weekly_mail(worker)
    client.post(reverse("choose_mail"), {"weekly": "yes"})
    assert wants_weekly_mail(worker)


def test_the_choice_is_not_offered_where_nothing_is_sent(worker: User, client: Client) -> None:
    client.force_login(worker)
    assert "Your week by e-mail" not in client.get(reverse("account")).content.decode()


def test_managers_see_what_was_sent_and_opened(
    project: Project, worker: User, manager: User, mails: Settings, client: Client
) -> None:
    client.force_login(manager)
    address = reverse("person", args=[project.slug, worker.pk])
    assert "weeks-title" not in client.get(address).content.decode()
    tell_people(ready())
    page = client.get(address).content.decode()
    assert "not opened yet" in page
    assert "waiting for the mail server" in page
    send_mails(ready())
    WeekNote.objects.update(seen=ready())
    page = client.get(address).content.decode()
    assert "opened <time" in page
    assert "sent <time" in page


def test_a_week_is_kept_as_it_was_told(project: Project, worker: User) -> None:
    """A second note of the same week is refused by the database."""
    tell_people(ready())
    again = WeekNote(project=project, annotator=worker, monday=Week(last_week().monday).monday)
    WeekNote.objects.bulk_create([again], ignore_conflicts=True)
    assert WeekNote.objects.count() == 1
