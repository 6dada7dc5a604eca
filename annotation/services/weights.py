"""How much each person's answers weigh in a project, and who decided so."""

from math import isfinite

from django.contrib.auth.models import User
from django.db import transaction

from annotation.models import AnnotatorWeight, Project
from annotation.services.errors import AnswerInvalid


@transaction.atomic
def set_weight(project: Project, annotator: User, weight: float, by: User) -> AnnotatorWeight:
    """From now on this person's answers weigh so much, 0 … 1; AnswerInvalid for another number.

    What is frozen already stays as it was frozen.
    """
    if not isfinite(weight) or not 0 <= weight <= 1:
        raise AnswerInvalid("weight", "A weight is a number from 0 to 1.")
    return AnnotatorWeight.objects.create(
        project=project, annotator=annotator, weight=weight, created_by=by
    )


def weights_of(project: Project) -> dict[int, float]:
    """The weight in force of each person who was ever given one; all others weigh 1."""
    rows = AnnotatorWeight.objects.filter(project=project).order_by("id")
    return dict(rows.values_list("annotator", "weight"))
