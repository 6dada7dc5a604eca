"""Which metrics share a panel, what they are called, and curves thinned to what a screen shows.

Pure functions over numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Points = tuple[list[int], list[float]]

MOST_POINTS = 800  # a curve; wider than any panel on a screen

LABELS = {
    "loss": "training",
    "ranking_loss": "without centring",
    "test_loss": "held out",
    "accuracy": "training batch",
    "test_accuracy": "held out",
    "margin": "margin",
    "reward_w": "preferred",
    "reward_l": "other",
    "logp_w": "preferred",
    "logp_l": "other",
    "score_max": "highest",
    "score_mean": "mean",
    "score_min": "lowest",
    "grad_norm": "norm before clipping",
    "learning_rate": "learning rate",
    "tokens_per_second": "tokens",
}
PANELS: dict[str, tuple[str, ...]] = {
    "Loss": ("loss", "ranking_loss", "test_loss"),
    "Accuracy": ("accuracy", "test_accuracy"),
    "Margin": ("margin",),
    "Implicit reward": ("reward_w", "reward_l"),
    "Score": ("score_max", "score_mean", "score_min"),
    "Log-probability of a response": ("logp_w", "logp_l"),
    "Gradient": ("grad_norm",),
    "Learning rate": ("learning_rate",),
    "Tokens per second": ("tokens_per_second",),
}
NOT_DRAWN = ("test_n", "test_roots", "test_accuracy_se", "test_accuracy_by_root")


def thin(points: Points, most: int = MOST_POINTS) -> Points:
    """At most about `most` of the points: of each stretch its lowest and its highest.

    Peaks stay visible, which averaging or taking every k-th would not promise.
    """
    steps, values = points
    if len(steps) <= most:
        return steps, values
    stretches = most // 2
    kept: list[int] = []
    for number in range(stretches):
        first = number * len(steps) // stretches
        last = (number + 1) * len(steps) // stretches
        stretch = range(first, last)
        lowest = min(stretch, key=values.__getitem__)
        highest = max(stretch, key=values.__getitem__)
        kept += sorted({lowest, highest})
    kept = sorted({0, *kept, len(steps) - 1})
    return [steps[i] for i in kept], [values[i] for i in kept]


def panels(series: Mapping[str, Points]) -> list[dict[str, Any]]:
    """The curves of one run, those that belong together in one panel."""
    drawn = []
    known = {name for names in PANELS.values() for name in names}
    rest = {name: (name,) for name in sorted(series) if name not in known and name not in NOT_DRAWN}
    for title, names in {**PANELS, **rest}.items():
        curves = [
            {
                "name": name,
                "label": LABELS.get(name, name),
                "x": series[name][0],
                "y": series[name][1],
            }
            for name in names
            if name in series
        ]
        if curves:
            drawn.append({"title": title, "series": curves})
    return drawn


def compared(runs: Mapping[str, Mapping[str, Points]]) -> list[dict[str, Any]]:
    """One panel a metric, one curve a run."""
    order = [name for names in PANELS.values() for name in names]
    found = {name for series in runs.values() for name in series} - set(NOT_DRAWN)
    names = [n for n in order if n in found] + sorted(found - set(order))
    return [
        {
            "title": full_name(name),
            "series": [
                {"name": label, "label": label, "x": series[name][0], "y": series[name][1]}
                for label, series in runs.items()
                if name in series
            ],
        }
        for name in names
    ]


def full_name(name: str) -> str:
    for title, names in PANELS.items():
        if name in names:
            return title if len(names) == 1 else f"{title}, {LABELS[name]}"
    return name.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Figure:
    """A number of the page, ready to be read."""

    label: str
    value: str
    note: str = ""


def figures(result: Mapping[str, Any], latest: Mapping[str, float]) -> list[Figure]:
    """The numbers to look at first: of the result when there is one, else the newest."""
    shown: list[Figure] = []
    facts = {**latest, **result}
    if "test_accuracy" in facts:
        spread = spread_of(facts)
        before = facts.get("test_accuracy_before")
        was = f"; {percent(before)} before" if before is not None else ""
        shown.append(
            Figure(
                "Held-out accuracy",
                percent(facts["test_accuracy"]),
                f"{spread}{', ' if spread else ''}n = {facts.get('test_n', 0):.0f}{was}",
            )
        )
    if "test_loss" in facts:
        before = facts.get("test_loss_before")
        was = f"{before:.3f} before" if before is not None else ""
        shown.append(Figure("Held-out loss", f"{facts['test_loss']:.3f}", was))
    if "loss" in latest:
        shown.append(Figure("Loss", f"{latest['loss']:.3f}"))
    if "accuracy" in latest:
        shown.append(Figure("Accuracy of the last batch", percent(latest["accuracy"])))
    if "tokens_per_second" in latest:
        shown.append(Figure("Speed", f"{latest['tokens_per_second']:.0f}", "tokens a second"))
    if "items_queued" in result:
        shown.append(Figure("Queued for judging", f"{result['items_queued']}", "blind pairs"))
    if "steps" in result:
        shown.append(Figure("Steps", f"{result['steps']:.0f}"))
    if "peak_memory_gib" in result:
        shown.append(Figure("Peak memory", f"{result['peak_memory_gib']:.1f}", "GiB"))
    return shown


def spread_of(facts: Mapping[str, Any]) -> str:
    """The standard error of the held-out accuracy. Where few pairs all turn out alike it is
    estimated as 0, which would say that the figure is sure: then nothing is said."""
    error = facts.get("test_accuracy_se")
    return f"± {percent(error)}" if error else ""


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"
