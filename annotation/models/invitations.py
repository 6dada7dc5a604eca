"""Invitations: a link that lets people into a project, and who came by it."""

import hashlib

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from annotation.models.projects import Membership, Project


def digest_of(secret: str) -> str:
    """What is kept of a link's secret; it is random, so that a plain hash will do."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Invitation(models.Model):
    """A link with a secret in it; the secret itself is stored nowhere."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="invitations")
    role = models.CharField(
        max_length=16, choices=Membership.Role, default=Membership.Role.ANNOTATOR
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    email = models.EmailField(blank=True, help_text="Whom it was meant for, where that is known.")
    max_people = models.PositiveSmallIntegerField(
        default=1, validators=[MinValueValidator(1), MaxValueValidator(500)]
    )
    people = models.PositiveSmallIntegerField(default=0, editable=False)
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    expires = models.DateTimeField()
    revoked = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(people__lte=F("max_people")), name="invitation_not_overused"
            ),
            models.CheckConstraint(condition=Q(max_people__gte=1), name="invitation_for_somebody"),
        ]

    def __str__(self) -> str:
        return f"{self.project} · {self.role} · {self.people} of {self.max_people}"


class InvitationUse(models.Model):
    """Somebody came in by an invitation."""

    invitation = models.ForeignKey(Invitation, models.CASCADE, related_name="uses")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["created", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invitation", "user"], name="one_use_of_an_invitation_per_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} by {self.invitation}"
