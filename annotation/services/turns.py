"""What an annotator has to read before the next turn."""

from django.contrib.auth.models import User
from django.db.models import Exists, QuerySet, Subquery

from annotation.compiled import Compiled
from annotation.models import Acknowledgement, Guideline, Pause, Project
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


def _in_the_way(project: int, user: int) -> "QuerySet[Project, tuple[bool, bool]]":
    """Whether the person is paused, and whether there is a guideline that they have not read."""
    pauses = Pause.objects.filter(project=project, annotator=user, ended=None)
    newest = Guideline.objects.filter(project=project).order_by("-version")
    read = Acknowledgement.objects.filter(guideline=Subquery(newest.values("pk")[:1]), user=user)
    rows = Project.objects.filter(pk=project).annotate(
        is_paused=Exists(pauses), is_unread=Exists(newest) & ~Exists(read)
    )
    return rows.values_list("is_paused", "is_unread")


IN_THE_WAY = Compiled(_in_the_way, project=int, user=int)


def require_all_read(project: Project, annotator: User) -> None:
    """Raise MustRead while something has to be read before the next item comes."""
    is_paused, is_unread = IN_THE_WAY.one(project=project.pk, user=annotator.pk)
    if is_paused and (pause := open_pause(project, annotator)) is not None:
        raise MustRead("pause", f"You are paused. {pause.message}")
    if is_unread and (unread := unread_guideline(project, annotator)) is not None:
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
