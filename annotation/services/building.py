"""Builds items out of the responses that a project has: by a strategy, beside a random control arm.

Every prompt falls into one of the two arms by chance before anything is looked at, so what people
say in the control arm stands for the responses as a whole, and the arms can be compared. The arm
stands on the item and on every row of the raw export.
"""

import secrets
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nlargest
from random import Random

from django.db import transaction
from django.db.models import Count

from annotation.builders import CONTROL, STRATEGIES
from annotation.builders.candidates import Candidate, Group
from annotation.models import (
    Batch,
    Item,
    ItemResponse,
    Project,
    Prompt,
    Response,
    ResponseScore,
    Source,
    text_hash,
)
from annotation.services.balancing import balanced
from annotation.services.content import queue_item
from annotation.services.errors import ContentInvalid
from annotation.task_types import TASK_TYPES

MAX_ITEMS = 10_000  # at once
MAX_PROMPTS = 50_000  # looked at in one build, drawn from all
MAX_CANDIDATES = 64  # of one prompt, drawn from all
CHUNK = 500  # prompts in memory at once


@dataclass(frozen=True)
class Built:
    """What was queued in each arm. The same seed on the same responses builds the same items."""

    chosen: int
    control: int
    prompts: int  # that were looked at
    seed: int


@dataclass(frozen=True)
class Plan:
    """What to ask; `prompt` has the group, and the arm that chose it."""

    prompt: int
    arm: str
    group: Group


@transaction.atomic
def build_items(
    project: Project,
    strategy: str,
    *,
    count: int,
    control_share: float = 0.2,
    k: int = 2,
    scorer: str = "",
    task_type: str = "",
    priority: int = 0,
    balance: bool = False,
    batch: Batch | None = None,
    seed: int | None = None,
    max_prompts: int = MAX_PROMPTS,
) -> Built:
    """Queue up to `count` items, one a prompt, of which `control_share` are drawn at random.

    What was asked before, in this task type, is not asked again. Where the strategy finds less than
    it may, the control arm shrinks with it. With `balance`, what the strategy chooses moves the
    categories towards their target shares; the control arm stays random. Raises ContentInvalid
    with a sentence.
    """
    slug = task_type or project.task_type
    _check(strategy, slug, count=count, control_share=control_share, k=k)
    if balance and strategy == CONTROL:
        raise ContentInvalid(
            "Items drawn at random stand for all prompts, so they are not balanced. Choose another"
            " strategy."
        )
    scores_by = _scorer(project, scorer) if STRATEGIES[strategy].NEEDS_SCORES else ""
    seed = secrets.randbits(32) if seed is None else seed
    draw = Random(seed)  # noqa: S311  # a lottery that can be repeated, not a secret
    control: list[Plan] = []
    chosen: list[Plan] = []
    prompts = _prompts(project, k, draw)[:max_prompts]
    looked_at = _candidates(prompts, slug, scores_by, draw)
    for number, (prompt, candidates, asked) in enumerate(looked_at):
        # Prompts come in random order, so every n-th of them is a random share, and an exact one.
        is_control = int((number + 1) * control_share) > int(number * control_share)
        arm = CONTROL if is_control else strategy
        group = _first_new(STRATEGIES[arm].groups(candidates, k, draw), asked)
        if group is not None:
            (control if arm == CONTROL else chosen).append(Plan(prompt, arm, group))
    wanted = count - round(count * control_share)
    best = _balanced(project, chosen, wanted) if balance else _best(chosen, wanted)
    if control_share < 1 and strategy != CONTROL:
        held_back = round(len(best) * control_share / (1 - control_share))
        control = control[: min(count - wanted, held_back)]
    queued = [
        _queue(project, plan, slug, priority, batch, draw)
        for plan in [*best, *control[: count - len(best)]]
    ]
    arms = [item.arm for item in queued if item is not None]
    return Built(
        chosen=len(arms) - arms.count(CONTROL),
        control=arms.count(CONTROL),
        prompts=len(prompts),
        seed=seed,
    )


def _best(plans: list[Plan], count: int) -> list[Plan]:
    return nlargest(count, plans, key=lambda plan: plan.group.gain)


def _balanced(project: Project, plans: list[Plan], count: int) -> list[Plan]:
    """The best of each category, as many as its target share lacks."""
    by_prompt = {plan.prompt: plan for plan in _best(plans, len(plans))}
    return [by_prompt[pk] for pk in balanced(project, list(by_prompt), count)]


def scorers_of(project: Project) -> list[str]:
    """The reward models and metrics that have scored a response of the project."""
    rows = ResponseScore.objects.filter(response__prompt__project=project)
    return list(rows.order_by("scorer").values_list("scorer", flat=True).distinct())


def _check(strategy: str, task_type: str, *, count: int, control_share: float, k: int) -> None:
    if strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        raise ContentInvalid(f"There is no strategy {strategy}; these are: {known}.")
    if task_type not in TASK_TYPES:
        raise ContentInvalid(f"There is no task type {task_type}; choose {', '.join(TASK_TYPES)}.")
    kind = TASK_TYPES[task_type]
    if not max(kind.MIN_RESPONSES, 1) <= k <= kind.MAX_RESPONSES:
        raise ContentInvalid(f"{kind.LABEL}: this cannot be asked about {k} responses.")
    if not 1 <= count <= MAX_ITEMS:
        raise ContentInvalid(f"count must lie between 1 and {MAX_ITEMS:,}.")
    if not 0 <= control_share <= 1:
        raise ContentInvalid("control_share must lie between 0 and 1.")


def _scorer(project: Project, scorer: str) -> str:
    """The scorer that was named, or the only one there is."""
    known = scorers_of(project)
    if not known:
        raise ContentInvalid(
            "No response of this project has a score. Train a reward model and let it score first."
        )
    if scorer in known:
        return scorer
    if scorer or len(known) > 1:
        named = f"There is no scorer {scorer}; " if scorer else "Name the scorer; "
        raise ContentInvalid(f"{named}these are: {', '.join(known)}.")
    return known[0]


def _prompts(project: Project, k: int, draw: Random) -> list[int]:
    """Prompts with responses enough, in random order."""
    rows = Prompt.objects.filter(project=project).annotate(n=Count("responses")).filter(n__gte=k)
    prompts = list(rows.order_by("pk").values_list("pk", flat=True))
    draw.shuffle(prompts)
    return prompts


def _candidates(
    prompts: list[int], task_type: str, scorer: str, draw: Random
) -> Iterator[tuple[int, list[Candidate], set[frozenset[int]]]]:
    """(prompt, its candidates, the groups that were asked before)."""
    for start in range(0, len(prompts), CHUNK):
        chunk = prompts[start : start + CHUNK]
        scores: dict[int, tuple[float, float | None]] = {}
        if scorer:
            rows = ResponseScore.objects.filter(response__prompt__in=chunk, scorer=scorer)
            for response, value, std in rows.values_list("response", "value", "std"):
                scores[response] = (value, std)
        found: defaultdict[int, list[Candidate]] = defaultdict(list)
        responses = Response.objects.filter(prompt__in=chunk).order_by("pk")
        for pk, prompt, source, text in responses.values_list(
            "pk", "prompt", "source__slug", "text"
        ):
            found[prompt].append(Candidate(pk, source, text, *scores.get(pk, (None, None))))
        items: defaultdict[int, set[int]] = defaultdict(set)
        owners: dict[int, int] = {}
        places = ItemResponse.objects.filter(item__prompt__in=chunk, item__task_type=task_type)
        for item, prompt, response in places.values_list("item", "item__prompt", "response"):
            items[item].add(response)
            owners[item] = prompt
        asked: defaultdict[int, set[frozenset[int]]] = defaultdict(set)
        for item, members in items.items():
            asked[owners[item]].add(frozenset(members))
        for prompt in chunk:
            candidates = found[prompt]
            if len(candidates) > MAX_CANDIDATES:
                candidates = draw.sample(candidates, MAX_CANDIDATES)
            yield prompt, candidates, asked[prompt]


def _first_new(groups: Iterator[Group], asked: set[frozenset[int]]) -> Group | None:
    for group in groups:
        members = frozenset(member.response for member in group.members)
        if group.reads_differently and members not in asked:
            return group
    return None


def _queue(
    project: Project,
    plan: Plan,
    task_type: str,
    priority: int,
    batch: Batch | None,
    draw: Random,
) -> Item | None:
    members = [member.response for member in plan.group.members]
    draw.shuffle(members)  # the canonical order must not say which one scored higher
    rows = Response.objects.select_related("source", "prompt").in_bulk(members)
    own = all(rows[pk].source.kind == Source.Kind.CHECKPOINT for pk in members)
    name = text_hash(" ".join(str(pk) for pk in sorted(members)))
    return queue_item(
        project,
        rows[members[0]].prompt,
        [rows[pk] for pk in members],
        key=f"build:{task_type}:{name}",
        task_type=task_type,
        priority=priority,
        origin=Item.Origin.SAMPLE if own else Item.Origin.IMPORT,
        arm=plan.arm,
        named_batch=batch,
    )
