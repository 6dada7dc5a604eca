"""Feedback by the week: what a person was told when, on the screen and by e-mail."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotation.models.projects import Project


class WeekNote(models.Model):
    """One person's week in one project. Exactly one row, so it is told, and mailed, once.

    `items` are those that were compared when the week was over. A page that chose them anew each
    time would lose an item that became gold since, and so tell which one it is.
    """

    class Mail(models.TextChoices):
        NONE = "none", "no e-mail"
        QUEUED = "queued", "waiting for the mail server"
        SENDING = "sending", "being sent"
        SENT = "sent", "sent"
        REFUSED = "refused", "refused by the mail server"
        UNSURE = "unsure", "perhaps sent: the worker stopped while sending"

    project = models.ForeignKey(Project, models.CASCADE, related_name="week_notes")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="week_notes"
    )
    monday = models.DateField(help_text="The first day of the week.")
    items = models.JSONField(default=list, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    seen = models.DateTimeField(null=True, blank=True, help_text="First opened.")
    dismissed = models.DateTimeField(null=True, blank=True, help_text="The notice was put away.")
    mail = models.CharField(max_length=16, choices=Mail, default=Mail.NONE)
    mail_why = models.CharField(max_length=200, blank=True, help_text="Why none was sent.")
    mail_at = models.DateTimeField(
        null=True, blank=True, help_text="Queued: when it is tried next. Else: when that began."
    )
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["-monday", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "annotator", "monday"], name="one_note_per_week"
            ),
            models.CheckConstraint(
                condition=Q(mail="none") | Q(mail_at__isnull=False), name="week_note_mail_has_time"
            ),
        ]
        indexes = [
            models.Index(
                fields=["mail_at"],
                name="week_note_mail",
                condition=Q(mail__in=["queued", "sending"]),
            )
        ]

    def __str__(self) -> str:
        return f"week {self.monday} of {self.annotator_id}"


class MailChoice(models.Model):
    """What a person wants by e-mail. Without a row: their week, where there is an address."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="mail_choice"
    )
    weekly = models.BooleanField(default=True)
    changed = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.user}: {'weekly' if self.weekly else 'no'} mail"
