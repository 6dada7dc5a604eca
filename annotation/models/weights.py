"""How much somebody's answers weigh when several people's become one label."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from annotation.models.projects import Project


class AnnotatorWeight(models.Model):
    """What was decided on one person's answers in a project: rows are added, the newest one holds.

    0 leaves them out of labels, 1 is a whole vote; somebody without a row weighs 1.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="annotator_weights")
    annotator = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="annotator_weights"
    )
    weight = models.FloatField()
    created = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(weight__gte=0, weight__lte=1), name="annotator_weight_range"
            )
        ]
        indexes = [models.Index(fields=["project", "annotator", "id"], name="weights_of_person")]

    def __str__(self) -> str:
        return f"{self.annotator} weighs {self.weight:g} in {self.project}"
