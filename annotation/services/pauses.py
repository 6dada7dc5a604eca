"""Pauses, and what is said between an annotator and those who run the project."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from annotation.models import Comment, Pause, Project, Qualification
from annotation.services.errors import AnswerInvalid, NotAllowed
from annotation.services.texts import is_unstorable

MAX_COMMENT_CHARS = 4_000
MAX_COMMENTS_A_DAY = 50  # of an annotator; more is no conversation


def open_pause(project: Project, annotator: User) -> Pause | None:
    return Pause.objects.filter(project=project, annotator=annotator, ended=None).first()


def pause(project: Project, annotator: User, message: str) -> Pause:
    """Give this person nothing more for now, and say why; a pause that stands already stays."""
    text = clean_comment(message)
    standing, _ = Pause.objects.get_or_create(
        project=project, annotator=annotator, ended=None, defaults={"message": text}
    )
    return standing


@transaction.atomic
def resume(project: Project, annotator: User, by: User) -> None:
    """End the pause: gold counts anew from here, and who failed the training is let in."""
    ended = Pause.objects.filter(project=project, annotator=annotator, ended=None).update(
        ended=Now(), ended_by=by
    )
    if not ended:
        raise NotAllowed(f"{annotator} is not paused.")
    Qualification.objects.filter(project=project, annotator=annotator, has_passed=False).update(
        has_passed=True, decided_by=by
    )


def comment(project: Project, annotator: User, author: User, text: str) -> Comment:
    """Say something about the annotator's work, as the annotator or to them."""
    cleaned = clean_comment(text)
    if author == annotator:
        today = timezone.now() - timedelta(days=1)
        said = Comment.objects.filter(project=project, author=author, created__gt=today)
        if said.count() >= MAX_COMMENTS_A_DAY:
            raise NotAllowed("You have written very often today. Wait for an answer.")
    return Comment.objects.create(project=project, annotator=annotator, author=author, text=cleaned)


def clean_comment(text: str) -> str:
    cleaned = text.strip()
    if not cleaned:
        raise AnswerInvalid("text", "Write something first.")
    if len(cleaned) > MAX_COMMENT_CHARS:
        raise AnswerInvalid("text", f"Keep it below {MAX_COMMENT_CHARS:,} characters.")
    if is_unstorable(cleaned):
        raise AnswerInvalid("text", "The text holds a character that cannot be stored.")
    return cleaned
