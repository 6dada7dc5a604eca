"""Categories of prompts: their target shares, and putting prompts into them."""

from collections.abc import Collection, Mapping
from math import fsum, isfinite

from django.db import transaction
from django.db.models import QuerySet

from annotation.models import Bookmark, CategoryOptOut, CategoryTarget, Project, Prompt
from annotation.services.errors import ContentInvalid

MAX_TARGETS = 200
MAX_CHARS = 100


def clean_category(name: str) -> str:
    """The name as prompts carry it; ContentInvalid when it is too long or cannot be read."""
    stripped = name.strip()
    if len(stripped) > MAX_CHARS:
        raise ContentInvalid(f"A category has at most {MAX_CHARS} characters.")
    if not stripped.isprintable():
        raise ContentInvalid("A category is one line of plain characters.")
    return stripped


@transaction.atomic
def set_targets(project: Project, shares: Mapping[str, float]) -> None:
    """Make these the project's target shares, in place of all that were set before.

    A share of 0 says that nothing of the category is wanted. Raises ContentInvalid with a sentence.
    """
    cleaned: dict[str, float] = {}
    for raw, share in shares.items():
        name = clean_category(raw)
        if not name:
            raise ContentInvalid("A category needs a name.")
        if name in cleaned:
            raise ContentInvalid(f"The category “{name}” stands there twice; leave one out.")
        if not isfinite(share) or not 0 <= share <= 1:
            raise ContentInvalid(f"The share of “{name}” must lie between 0 and 100 %.")
        cleaned[name] = share
    if len(cleaned) > MAX_TARGETS:
        raise ContentInvalid(f"At most {MAX_TARGETS} categories can have a target share.")
    whole = fsum(cleaned.values())
    if whole > 1 + 1e-9:
        raise ContentInvalid(
            f"The target shares sum to {100 * whole:.4g} %; make them 100 % or less in all."
        )
    Project.objects.select_for_update().get(pk=project.pk)
    project.category_targets.all().delete()
    CategoryTarget.objects.bulk_create(
        CategoryTarget(project=project, category=name, share=share)
        for name, share in cleaned.items()
    )


@transaction.atomic
def set_category(project: Project, prompts: QuerySet[Prompt], category: str) -> int:
    """Put the prompts into a category ("" for none); how many were in another one before.

    Turns that people hold stay theirs: a category that is warned of is warned of at once.
    """
    name = clean_category(category)
    moved = prompts.filter(project=project).exclude(category=name).order_by()
    left = set(moved.values_list("category", flat=True).distinct())
    count = moved.update(category=name)
    _find_again(project, left)
    return count


@transaction.atomic
def rename_category(project: Project, old: str, new: str) -> int:
    """Give a category another name, or merge it into one that is there; how many prompts moved.

    Whoever opted out of the old one is opted out of the new one, what was warned of is warned of,
    and target shares are added up. Raises ContentInvalid with a sentence.
    """
    old, new = old.strip(), clean_category(new)
    if not old or not new:
        raise ContentInvalid("A category needs a name. Choose one, and write the new one.")
    if old == new:
        raise ContentInvalid("The category has this name already.")
    locked = Project.objects.select_for_update().get(pk=project.pk)
    count = locked.prompts.filter(category=old).update(category=new)
    _move_opt_outs(locked, old, new)
    warned = locked.harm_categories
    if old in warned:
        names = [new if name == old else name for name in warned]
        locked.task_config = locked.task_config | {"harm_categories": list(dict.fromkeys(names))}
        locked.save(update_fields=["task_config"])
    target = locked.category_targets.filter(category=old).first()
    if target is not None:
        other = locked.category_targets.filter(category=new).first()
        if other is None:
            target.category = new
        else:
            target.delete()
            other.share = min(1.0, other.share + target.share)
            target = other
        target.save()
    return count


def _move_opt_outs(project: Project, old: str, new: str) -> None:
    there = list(project.opt_outs.filter(category=new).values_list("annotator", flat=True))
    project.opt_outs.filter(category=old).exclude(annotator__in=there).update(category=new)
    project.opt_outs.filter(category=old).delete()


def _find_again(project: Project, left: Collection[str]) -> None:
    """What people's bookmarks passed by because of an opt-out may be theirs to answer now."""
    people = CategoryOptOut.objects.filter(project=project, category__in=left)
    Bookmark.objects.filter(project=project, annotator__in=people.values("annotator")).delete()
