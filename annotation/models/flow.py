"""How much is asked of whom: what a project asks for beyond `answers_per_item`."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from annotation.models.projects import Project


class FlowPolicy(models.Model):
    """How a project spreads its questions over its people. Without a row, or with zeros: evenly."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="flow_policy")
    max_overlap = models.PositiveSmallIntegerField(
        default=0,
        validators=[MaxValueValidator(50)],
        help_text="Where people disagree, ask one more, up to so many answers an item. 0: nobody.",
    )
    agree_share = models.FloatField(
        default=0.66,
        validators=[MinValueValidator(0.5), MaxValueValidator(1.0)],
        help_text="Share of the answers that has to say the same of each pair.",
    )
    daily_limit = models.PositiveIntegerField(
        default=0, help_text="Answers one person gives in a day. 0: as many as they like."
    )
    total_limit = models.PositiveIntegerField(
        default=0, help_text="Answers one person gives in all. 0: as many as they like."
    )
    share_cap = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text="Share of all answers that one person may give. 0: any. The first 20 are free;"
        " with three people it has to be well above a third.",
    )
    retest_share = models.FloatField(
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text="Share of a person’s answers that are asked for again, the other way round."
        " 0: none.",
    )
    retest_after = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="An item comes back after at least so many other answers.",
    )
    has_member_limits = models.BooleanField(
        default=False, editable=False, help_text="Whether a member has limits of their own."
    )

    class Meta:
        verbose_name_plural = "flow policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(agree_share__gte=0.5, agree_share__lte=1), name="flow_agree_share"
            ),
            models.CheckConstraint(
                condition=Q(retest_share__gte=0, retest_share__lte=0.5), name="flow_retest_share"
            ),
            models.CheckConstraint(
                condition=Q(share_cap__gte=0, share_cap__lte=1), name="flow_share_cap"
            ),
        ]

    def __str__(self) -> str:
        return f"flow policy of {self.project}"
