"""Items that come back to the person who answered them, to see whether they answer the same."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.projects import Project
from annotation.models.queue import Assignment, Item


class Retest(models.Model):
    """An answer that is to be asked for once more, in the swapped order.

    Planned when the answer is given, for one of as many as the project's share says; given when the
    person's tally has reached `due`. `item` is then a copy of the item with the status `retest`,
    asked of this person alone: it counts no answers, so it stands in no figure and no dataset.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="retests")
    annotator = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="retests")
    first = models.OneToOneField(Assignment, models.CASCADE, related_name="retest")
    due = models.PositiveIntegerField(help_text="The tally from which on it may come.")
    item = models.OneToOneField(Item, models.CASCADE, null=True, related_name="retest_of")

    class Meta:
        indexes = [
            models.Index(
                fields=["project", "annotator", "due"], name="retest_due", condition=Q(item=None)
            )
        ]

    def __str__(self) -> str:
        return f"retest of {self.first_id}"
