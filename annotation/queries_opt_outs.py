"""The page on which people choose which categories they are shown."""

from dataclasses import dataclass

from django.contrib.auth.models import User

from annotation.models import Project


@dataclass(frozen=True)
class CategoryLine:
    category: str
    is_unwanted: bool


def categories_page(project: Project, user: User) -> list[CategoryLine]:
    """What the project warns of, and what this person opted out of while it did."""
    unwanted = set(project.opt_outs.filter(annotator=user).values_list("category", flat=True))
    names = [*project.harm_categories, *sorted(unwanted - set(project.harm_categories))]
    return [CategoryLine(name, name in unwanted) for name in names]
