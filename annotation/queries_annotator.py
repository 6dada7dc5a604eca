"""What a manager sees of one annotator: evidence, the table of errors, weights and pauses."""

from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.http import Http404

from annotation.aggregation import dawid_skene
from annotation.agreement_state import judgements_of
from annotation.answer_table import answer_table
from annotation.measures import DIRECTION
from annotation.models import AnnotatorWeight, Assignment, Pause, Project
from annotation.queries_annotators import AnnotatorLine, annotators_page

MOST_ITEMS = 2_000  # for the table of Dawid and Skene, the newest ones
LABELS = ("the first", "equal", "the second", "neither")
USUAL_MESSAGE = (
    "Before you go on we would like to talk about your answers. Nothing that you did is lost."
)


@dataclass(frozen=True)
class Confusion:
    """Dawid and Skene's table of one person: of pairs that are truly so, how often they say so;
    rows of (true label, share of such pairs, shares by label)."""

    labels: list[str]
    rows: list[tuple[str, float, list[float]]]
    answers: int
    pairs: int


@dataclass(frozen=True)
class AnnotatorPage:
    line: AnnotatorLine
    confusion: Confusion | None
    weights: list[AnnotatorWeight]
    pause: Pause | None
    message: str  # for a pause


def find_annotator(project: Project, pk: int) -> User:
    """A member, or somebody who answered here; else Http404."""
    members = User.objects.filter(pk=pk, memberships__project=project)
    user = members.first() or User.objects.filter(pk=pk, assignments__item__project=project).first()
    if user is None:
        raise Http404("No such person.")
    return user


def annotator_page(project: Project, annotator: User) -> AnnotatorPage:
    """One person's figures and evidence; Http404 where they have not answered anything."""
    page = annotators_page(project)
    line = next((line for line in page.lines if line.pk == annotator.pk), None)
    if line is None:
        raise Http404("This person has not answered anything that counts.")
    weights = AnnotatorWeight.objects.filter(project=project, annotator=annotator)
    return AnnotatorPage(
        line=line,
        confusion=_confusion(project, annotator),
        weights=list(weights.select_related("created_by")),
        pause=Pause.objects.filter(project=project, annotator=annotator, ended=None).first(),
        message=_message(line),
    )


def _message(line: AnnotatorLine) -> str:
    """What the person may be told; the patterns themselves are not for them to train on."""
    if line.gold.seen and line.gold.misses:
        return (
            f"On {line.gold.seen} items that the researchers answered too, you agreed with them on"
            f" {line.gold.agreed}. {USUAL_MESSAGE}"
        )
    return USUAL_MESSAGE


def _confusion(project: Project, annotator: User) -> Confusion | None:
    """By everybody's answers to the newest items that this person judged, gold left out; None where
    they cannot tell."""
    turns = Assignment.objects.filter(
        annotator=annotator, status=Assignment.Status.ANSWERED, item__project=project
    )
    items = list(turns.order_by("-item").values_list("item", flat=True)[:MOST_ITEMS])
    table = answer_table(project, items)
    part = judgements_of(table, DIRECTION)[1]
    units, unit = np.unique(part.unit, return_inverse=True)
    people, who = np.unique(part.person, return_inverse=True)
    if len(people) < 2 or annotator.pk not in people:
        return None
    used, label = np.unique(part.value, return_inverse=True)
    fitted = dawid_skene.fit(unit, who, label, classes=len(used))
    if (fitted.errors.diagonal(axis1=1, axis2=2).mean(axis=0) < 0.5).any():
        return None  # most would err on what is true: with so few answers its labels mean nothing
    own = fitted.errors[int(np.searchsorted(people, annotator.pk))]
    names = [LABELS[value] for value in used.tolist()]
    return Confusion(
        labels=names,
        rows=[
            (name, float(fitted.prior[n]), [float(share) for share in own[n]])
            for n, name in enumerate(names)
        ],
        answers=len(part),
        pairs=len(units),
    )
