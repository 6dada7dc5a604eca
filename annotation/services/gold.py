"""Gold: items that a researcher has answered, and who is asked them when.

An item that becomes gold leaves the queue and the dataset: answers to it, also those given before,
measure people and nothing else. It is asked of every annotator once. Its slots hold the invariant
of Item by growing (services.slots): a turn at gold is an assignment like any other, so skipping,
undoing, drafts and leases need no second code, and look alike from outside.

`claim_turn` is the door in front of `claim_next`. It alone knows of gold when an item is given.
"""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from annotation.aggregation.gold import GoldAgreement
from annotation.models import (
    Annotation,
    Assignment,
    Flag,
    Gold,
    GoldPolicy,
    Item,
    ItemQuerySet,
    Membership,
    Pause,
    Project,
    Qualification,
)
from annotation.permissions import role_of
from annotation.services.answers import MAX_RATIONALE_CHARS
from annotation.services.claims import claim_item, claim_next
from annotation.services.errors import AnswerInvalid, NotAllowed
from annotation.services.pauses import pause
from annotation.services.texts import is_unstorable
from annotation.task_types import TASK_TYPES, Answer

# --- what researchers do ------------------------------------------------------------------------


@transaction.atomic
def make_gold(
    item: Item, *, kind: str, answer: Answer, reason: str, user: User | None = None
) -> Gold:
    """Take the item out of the queue and the dataset, and keep the researcher's answer to it.

    `answer` is in canonical order. Raises AnswerInvalid, or NotAllowed for gold and retired items.
    """
    locked = Item.objects.select_for_update(of=("self",)).select_related("project").get(pk=item.pk)
    if Gold.objects.filter(item=locked).exists():
        raise NotAllowed("This item is gold already, or was.")
    if locked.status == Item.Status.RETIRED:
        raise NotAllowed("This item is retired. Choose another one.")
    if locked.status == Item.Status.RETEST:
        raise NotAllowed("This is a retest of one person. Choose the item itself.")
    if not reason.strip():
        raise AnswerInvalid("rationale", "Say why: annotators learn from the reason.")
    if len(reason) > MAX_RATIONALE_CHARS or is_unstorable(reason):
        raise AnswerInvalid(
            "rationale", f"A reason is a text of at most {MAX_RATIONALE_CHARS:,} characters."
        )
    config = locked.project.task_config | locked.task_config
    checked = TASK_TYPES[locked.task_type].check(answer, locked.item_responses.count(), config)
    locked.status = Item.Status.GOLD
    locked.save(update_fields=["status"])
    return Gold.objects.create(
        item=locked,
        kind=Gold.Kind(kind),
        answer=checked,
        reason=reason.strip(),
        created_by=user,
    )


@transaction.atomic
def retire_gold(gold: Gold) -> None:
    """Ask nobody any more, and measure nobody by it: also what was answered stops to count. What
    people flagged about it is resolved."""
    Item.objects.select_for_update().get(pk=gold.item_id)
    Item.objects.filter(pk=gold.item_id).update(status=Item.Status.RETIRED)
    Gold.objects.filter(pk=gold.pk, retired=None).update(retired=Now())
    Flag.objects.filter(item=gold.item_id, resolved=None).update(resolved=Now())


def set_policy(project: Project, **fields: float) -> GoldPolicy:
    """Change how the project uses its gold; ValidationError for a value that does not fit."""
    policy = policy_of(project) or GoldPolicy(project=project)
    for name, value in fields.items():
        setattr(policy, name, value)
    policy.full_clean()
    policy.save()
    return policy


# --- who gets what ------------------------------------------------------------------------------


def policy_of(project: Project) -> GoldPolicy | None:
    """The project's policy; no query where the project was fetched with it."""
    policy: GoldPolicy | None = getattr(project, "gold_policy", None)
    return policy


def policy_for(project: Project, annotator: User) -> GoldPolicy | None:
    """The project's policy, if it concerns this person: those above annotators make gold."""
    policy = policy_of(project)
    if policy is None or role_of(annotator, project) != Membership.Role.ANNOTATOR:
        return None
    return policy


def claim_turn(project: Project, annotator: User, *, held: int | None = None) -> Assignment | None:
    """The next item for this person: training first, then the queue, with gold hidden in it.

    Hidden gold comes only where the queue would have given something, so that it is not told by
    coming alone. What the queue gave stays leased and is next. Spacing is without memory: each
    time the share is the chance, whatever came before.
    """
    policy = None if project.is_archived else policy_for(project, annotator)
    if policy is None:
        return claim_next(project, annotator, held=held)
    if is_in_training(project, annotator, policy):
        return _claim_training(project, annotator)
    turn = claim_next(project, annotator, held=held)
    if turn is None or not is_time_for_gold(policy.hidden_share):
        return turn
    gold = _unseen_gold(project, annotator, Gold.Kind.HIDDEN).order_by("?").first()
    hidden = claim_item(gold, annotator) if gold is not None else None
    if hidden is None:
        return turn
    # What is open comes back in the order of claiming: gold, on the screen first, stays first.
    hidden.claimed = turn.claimed - timedelta(microseconds=1)
    hidden.save(update_fields=["claimed"])
    return hidden


def is_time_for_gold(share: float) -> bool:
    """A draw that nobody can foresee."""
    return share > 0 and secrets.SystemRandom().random() < share


def is_in_training(project: Project, annotator: User, policy: GoldPolicy) -> bool:
    """Whether the person gets training items only.

    Who has answered other items here was let in before there was a training.
    """
    if not policy.training_items:
        return False
    ended = Qualification.objects.filter(project=project, annotator=annotator).first()
    if ended is not None:
        return not ended.has_passed
    worked = Assignment.objects.filter(
        annotator=annotator, status=Assignment.Status.ANSWERED, item__project=project
    ).exclude(item__gold__kind=Gold.Kind.TRAINING)
    worked = worked.exclude(item__origin=Item.Origin.CHAT)  # asked by the person, not by the queue
    if not worked.exists():
        return True
    Qualification.objects.get_or_create(
        project=project, annotator=annotator, defaults={"has_passed": True}
    )
    return False


def _claim_training(project: Project, annotator: User) -> Assignment | None:
    """One training item at a time: the answer to it is talked about before the next one.

    Where none is left and the training is not over, only a manager can let the person in.
    """
    held = Assignment.objects.filter(
        annotator=annotator, item__project=project, status=Assignment.Status.LEASED
    )
    # What is held is looked at first: an answer that arrives meanwhile, in a request beside this
    # one, is then found unread.
    if held.exists() or answered_unread(project, annotator).exists():
        return None
    item = _unseen_gold(project, annotator, Gold.Kind.TRAINING).order_by("gold__id").first()
    if item is None:
        said = outcomes(project, annotator, Gold.Kind.TRAINING)
        Qualification.objects.get_or_create(  # what a manager ends by letting the person in
            project=project,
            annotator=annotator,
            defaults={"has_passed": False, "agreed": sum(said), "seen": len(said)},
        )
        pause(
            project,
            annotator,
            "There are no training items left for you, and your training is not over yet. A manager"
            " has to let you in.",
        )
        return None
    return claim_item(item, annotator)


def answered_unread(project: Project, annotator: User) -> QuerySet[Assignment]:
    """Training items that the person answered and has not read the researchers' answer to."""
    return Assignment.objects.filter(
        annotator=annotator,
        status=Assignment.Status.ANSWERED,
        item__project=project,
        item__gold__kind=Gold.Kind.TRAINING,
        item__gold__retired=None,
        reveal=None,
    )


def _unseen_gold(project: Project, annotator: User, kind: str) -> ItemQuerySet:
    gold = Item.objects.filter(project=project, status=Item.Status.GOLD, gold__kind=kind)
    return gold.unseen_by(annotator).not_opted_out_by(annotator)


# --- what the answers say -----------------------------------------------------------------------


def outcomes(
    project: Project,
    annotator: User,
    kind: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[bool]:
    """For each gold item of this kind that the person has answered after `since` and before
    `until`: whether the agreement label is the researcher's. In the order of answering; retired
    gold left out.

    With `until` it is what stood at that moment: an answer sent again later changes nothing, else
    the figure would tell which items are gold.
    """
    rows = Annotation.objects
    said = (
        (rows.current() if until is None else rows.newest(until))
        .filter(
            kind=Annotation.Kind.ANSWER,
            assignment__annotator=annotator,
            assignment__item__project=project,
            assignment__item__status=Item.Status.GOLD,
            assignment__item__gold__kind=kind,
        )
        .select_related("assignment__item__gold")
        .order_by("id")
    )
    if since is not None:
        said = said.filter(created__gt=since)
    return [agrees(annotation) for annotation in said]


def agrees(annotation: Annotation) -> bool:
    """Whether an answer to gold has the agreement label of the researcher's."""
    item = annotation.assignment.item
    label = TASK_TYPES[item.task_type].agreement_label
    return label(annotation.answer or {}) == label(item.gold.answer)


def pause_if_surely_below(project: Project, annotator: User, policy: GoldPolicy) -> Pause | None:
    """Pause somebody whose agreement with hidden gold surely lies below what the project needs.

    Counted since the last pause ended: who was let on gets a new start.
    """
    if not policy.pause_below:
        return None
    ended = Pause.objects.filter(project=project, annotator=annotator).exclude(ended=None)
    since = ended.order_by("-ended").values_list("ended", flat=True).first()
    said = outcomes(project, annotator, Gold.Kind.HIDDEN, since=since)
    agreement = GoldAgreement(sum(said), len(said))
    if not agreement.is_surely_below(policy.pause_below):
        return None
    return pause(
        project,
        annotator,
        f"On {agreement.seen} items that the researchers answered too, you agreed with them on"
        f" {agreement.agreed}. Before you go on we would like to talk about it: the guidelines may"
        " be unclear, or our answers wrong. Nothing that you did is lost.",
    )
