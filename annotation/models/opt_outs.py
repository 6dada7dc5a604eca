"""What a person does not want to be shown."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from annotation.models.projects import Project


class CategoryOptOut(models.Model):
    """The annotator is never asked about prompts of this category in this project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="opt_outs")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="opt_outs")
    category = models.CharField(max_length=100)
    created = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["annotator", "project", "category"], name="one_opt_out_per_category"
            )
        ]

    def __str__(self) -> str:
        return f"{self.annotator} · {self.project} · {self.category}"
