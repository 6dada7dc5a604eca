"""Who is preferred to whom, by people: the results page's numbers.

Each judged pair of two sources counts once, with the mean vote p; pairs of one source and answers
"both bad" say nothing about two sources and do not count. Standard errors take the judgements of
one prompt together (annotation/aggregation/win_rate.py).
"""

from collections import defaultdict
from dataclasses import dataclass

from annotation.aggregation.win_rate import WinRate, win_rate
from annotation.exports import rows
from annotation.models import Project
from training.models import Checkpoint

Pair = tuple[str, str]


@dataclass(frozen=True)
class Duel:
    """How often source `a` was preferred to source `b`."""

    a: str
    b: str
    label_a: str
    label_b: str
    checkpoint_a: Checkpoint | None
    checkpoint_b: Checkpoint | None
    won: WinRate

    @property
    def percent(self) -> float:
        return 100 * (self.won.rate or 0.0)

    @property
    def error(self) -> float | None:
        error = self.won.standard_error
        return None if error is None else 100 * error

    @property
    def interval(self) -> tuple[float, float] | None:
        ends = self.won.interval
        return None if ends is None else (100 * ends[0], 100 * ends[1])

    @property
    def interval_width(self) -> float:
        ends = self.interval
        return ends[1] - ends[0] if ends else 0.0

    @property
    def sentence(self) -> str:
        """What the numbers allow to say, no more."""
        of = f"{self.percent:.1f} % of {self.won.n} comparison{'' if self.won.n == 1 else 's'}"
        said = f"People preferred {self.label_a} to {self.label_b} in {of}"
        if self.interval is None:
            return f"{said}: too few to say how sure that is."
        low, high = self.interval
        if low > 50:
            return f"{said}. More than chance explains: the 95 % interval lies above one half."
        if high < 50:
            return (
                f"{said}. {self.label_b} is the better one: the 95 % interval lies below one half."
            )
        return (
            f"{said}. That may still be chance: the 95 % interval holds one half. Judge more pairs."
        )


@dataclass(frozen=True)
class Results:
    split: str
    duels: list[Duel]
    judged: int


def results(project: Project, split: str = "test") -> Results:
    """Every two sources that met in judged pairs, those of the newest checkpoint first."""
    outcomes: dict[Pair, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    judged = 0
    for group in rows.groups(project, split=None if split == "all" else split):
        judged += 1
        sources = [response["source"] for response in group["responses"]]
        for preference in group["preferences"]:
            a, b = sources[preference["a"]], sources[preference["b"]]
            if a != b:
                outcomes[a, b][group["prompt_id"]].append(preference["p"])
    labels = dict(project.sources.values_list("slug", "label"))
    checkpoints = {c.slug: c for c in Checkpoint.objects.filter(slug__in=labels)}
    merged: dict[Pair, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (a, b), clusters in outcomes.items():
        newer_first = age(checkpoints.get(a)) >= age(checkpoints.get(b))
        for prompt, values in clusters.items():
            if newer_first:
                merged[a, b][prompt] += values
            else:
                merged[b, a][prompt] += [1 - value for value in values]
    duels = [
        Duel(
            a=a,
            b=b,
            label_a=labels.get(a, a),
            label_b=labels.get(b, b),
            checkpoint_a=checkpoints.get(a),
            checkpoint_b=checkpoints.get(b),
            won=win_rate(clusters),
        )
        for (a, b), clusters in merged.items()
    ]
    duels.sort(key=lambda duel: (age(duel.checkpoint_a), age(duel.checkpoint_b)), reverse=True)
    return Results(split=split, duels=duels, judged=judged)


def age(checkpoint: Checkpoint | None) -> int:
    """Grows with newness; what is no checkpoint counts as the oldest."""
    return checkpoint.pk if checkpoint else 0
