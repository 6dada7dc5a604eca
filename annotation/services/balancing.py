"""How many items to build of each category: what is asked now against the target shares."""

from collections import Counter
from collections.abc import Sequence

from django.db.models import Count

from annotation.aggregation.quotas import quotas
from annotation.models import Item, Project, Prompt
from annotation.services.errors import ContentInvalid

OTHERS = ""  # stands for all categories without a target; no category has this name
CHUNK = 500


def targets_of(project: Project) -> dict[str, float]:
    """{category: share}; what the shares leave open is OTHERS'. Empty without targets."""
    shares = dict(project.category_targets.values_list("category", "share"))
    if shares:
        shares[OTHERS] = max(0.0, 1.0 - sum(shares.values()))
    return shares


def balanced(project: Project, prompts: Sequence[int], count: int) -> list[int]:
    """Which of the prompts to ask about, `count` or fewer: of each category the first ones.

    The order is kept. Raises ContentInvalid where the project has no target shares.
    """
    targets = targets_of(project)
    if not targets:
        raise ContentInvalid("No category has a target share yet. Set some under Data, Prompts.")
    names: dict[int, str] = {}
    for start in range(0, len(prompts), CHUNK):
        rows = Prompt.objects.filter(pk__in=prompts[start : start + CHUNK])
        names |= dict(rows.values_list("pk", "category"))
    place = {pk: name if name in targets else OTHERS for pk, name in names.items()}
    take = quotas(_present(project, targets), targets, Counter(place.values()), count)
    left, chosen = Counter(take), []
    for pk in prompts:
        if left[place[pk]] > 0:
            left[place[pk]] -= 1
            chosen.append(pk)
    return chosen


def _present(project: Project, targets: dict[str, float]) -> Counter[str]:
    """What is asked now, without gold and what is retired."""
    rows = (
        project.items.filter(gold=None)
        .exclude(status__in=(Item.Status.RETIRED, Item.Status.RETEST))
        .order_by()
        .values_list("prompt__category")
        .annotate(n=Count("id"))
    )
    present: Counter[str] = Counter()
    for name, n in rows:
        present[name if name in targets else OTHERS] += n
    return present
