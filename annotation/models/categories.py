"""How much of what is asked should be of which kind."""

from django.db import models
from django.db.models import Q

from annotation.models.projects import Project


class CategoryTarget(models.Model):
    """The share of a project's items that prompts of this category should have."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="category_targets")
    category = models.CharField(max_length=100)
    share = models.FloatField(help_text="0.25 is a quarter of the items.")

    class Meta:
        ordering = ["category"]
        constraints = [
            models.UniqueConstraint(fields=["project", "category"], name="one_target_per_category"),
            models.CheckConstraint(
                condition=Q(share__gte=0) & Q(share__lte=1), name="category_target_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} · {self.category}: {self.share:.0%}"
