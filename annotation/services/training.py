"""Training and qualification: what somebody new learns from, and how it ends."""

from django.contrib.auth.models import User
from django.db import transaction

from annotation.aggregation import gold as statistics
from annotation.aggregation.gold import Standing, needed, standing
from annotation.models import Assignment, Gold, GoldPolicy, Project, Qualification, Reveal
from annotation.services.errors import NotAllowed
from annotation.services.gold import answered_unread, is_in_training, outcomes, policy_for
from annotation.services.pauses import pause


def unread_feedback(project: Project, annotator: User, policy: GoldPolicy) -> Assignment | None:
    """The training item that was answered and not talked about yet."""
    if not is_in_training(project, annotator, policy):
        return None
    return answered_unread(project, annotator).order_by("id").first()


def training_standing(project: Project, annotator: User, policy: GoldPolicy) -> Standing:
    """Where the person is in the training, all answered items counted."""
    return standing(
        outcomes(project, annotator, Gold.Kind.TRAINING),
        items=policy.training_items,
        share=policy.pass_share,
        tries=policy.tries,
    )


@transaction.atomic
def reveal(assignment: Assignment) -> None:
    """Note that the researchers' answer was read; after the last item of a try, decide."""
    project, annotator = assignment.item.project, assignment.annotator
    gold = Gold.objects.filter(item=assignment.item, kind=Gold.Kind.TRAINING).first()
    if gold is None or assignment.status != Assignment.Status.ANSWERED:
        raise NotAllowed("There is nothing to be read about this item.")
    Reveal.objects.get_or_create(assignment=assignment)
    policy = policy_for(project, annotator)
    if policy is not None and is_in_training(project, annotator, policy):
        _decide(project, annotator, policy)


def _decide(project: Project, annotator: User, policy: GoldPolicy) -> None:
    now = training_standing(project, annotator, policy)
    if now.status == statistics.TRAINING:
        return
    has_passed = now.status == statistics.PASSED
    Qualification.objects.update_or_create(
        project=project,
        annotator=annotator,
        defaults={"has_passed": has_passed, "agreed": now.agreed, "seen": now.seen},
    )
    if not has_passed:
        pause(
            project,
            annotator,
            f"In your last try you agreed with the researchers on {now.agreed} of {now.seen}"
            f" training items; {needed(now.seen, policy.pass_share)} are needed. Write to us if"
            " something was unclear, or if you think that one of our answers is wrong.",
        )
