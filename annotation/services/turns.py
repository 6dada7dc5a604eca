"""What an annotator has to read before the next turn."""

from django.contrib.auth.models import User

from annotation.models import Project
from annotation.services.errors import MustRead, NotAllowed
from annotation.services.gold import is_in_training, pause_if_surely_below, policy_for
from annotation.services.guidelines import unread_guideline
from annotation.services.pauses import open_pause
from annotation.services.training import unread_feedback


def require_trained(project: Project, annotator: User) -> None:
    """Raise NotAllowed while the person is still to answer training items."""
    policy = policy_for(project, annotator)
    if policy is not None and is_in_training(project, annotator, policy):
        raise NotAllowed("Finish your training first: it waits for you under Annotate.")


def require_all_read(project: Project, annotator: User) -> None:
    """Raise MustRead while something has to be read before the next item comes."""
    if (pause := open_pause(project, annotator)) is not None:
        raise MustRead("pause", f"You are paused. {pause.message}")
    if (unread := unread_guideline(project, annotator)) is not None:
        raise MustRead(
            "guideline",
            f"The guidelines changed: version {unread.version} is in force. Read and acknowledge"
            " it before you go on.",
        )
    policy = policy_for(project, annotator)
    if policy is None:
        return
    if (answered := unread_feedback(project, annotator, policy)) is not None:
        raise MustRead(
            "feedback",
            f"Read the researchers’ answer to assignment {answered.key} (its feedback) before you"
            " go on.",
        )
    if (pause := pause_if_surely_below(project, annotator, policy)) is not None:
        raise MustRead("pause", f"You are paused. {pause.message}")
