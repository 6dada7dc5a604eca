"""What a person does with the note of their week, and what they want by e-mail."""

from django.contrib.auth.models import User
from django.core import signing
from django.utils import timezone
from django.utils.crypto import salted_hmac

from annotation.models import MailChoice, Project, WeekNote
from annotation.weekly.week import Week

SALT = "prefloop.weekly-mail"


def mark_week_seen(project: Project, annotator: User, week: Week) -> None:
    """The person has opened the page of this week; the first time counts."""
    note = WeekNote.objects.filter(project=project, annotator=annotator, monday=week.monday)
    note.filter(seen=None).update(seen=timezone.now())


def dismiss_week(project: Project, annotator: User, week: Week) -> None:
    """Say no more on the screen that this week is ready."""
    note = WeekNote.objects.filter(project=project, annotator=annotator, monday=week.monday)
    note.filter(dismissed=None).update(dismissed=timezone.now())


def wants_weekly_mail(user: User) -> bool:
    """Whether the person wants their week by e-mail; who never said so does."""
    return not MailChoice.objects.filter(user=user, weekly=False).exists()


def choose_weekly_mail(user: User, wanted: bool) -> None:
    """From now on the person gets their week by e-mail, or not: also what waits already."""
    MailChoice.objects.update_or_create(user=user, defaults={"weekly": wanted})


def unsubscribe_token(user: User) -> str:
    """What a mail carries, so that its reader can end these mails without signing in.

    It holds a digest of the address: after another address was set, the links in old mails end
    nothing, and no link tells an address to those who see it pass.
    """
    return signing.dumps([user.pk, _digest_of(user.email)], salt=SALT)


def reader_of(token: str) -> User | None:
    """Whose mail the link was in; None for a link that is not ours or not whole."""
    try:
        pk, digest = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=pk).first()
    return user if user is not None and _digest_of(user.email) == digest else None


def _digest_of(email: str) -> str:
    return salted_hmac(SALT, email, algorithm="sha256").hexdigest()[:16]
