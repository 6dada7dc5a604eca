"""The leaderboard's intervals beside a true bootstrap: items drawn anew, everything fitted anew."""

import numpy as np
import pytest
from scipy.special import expit

from annotation.aggregation.leaderboard import leaderboard

DRAWS = 400


def judged(seed: int, items: int, spread: float, sources: int, style: float):
    """Three judges an item who see the same noise, some sources asked twice as often as others."""
    rng = np.random.default_rng(seed)
    strengths = np.linspace(-spread, spread, sources)
    odds = np.linspace(1, 2, sources) / np.linspace(1, 2, sources).sum()
    pairs = np.array([rng.choice(sources, 2, replace=False, p=odds) for _ in range(items)])
    item, (first, second) = np.repeat(np.arange(items), 3), np.repeat(pairs, 3, axis=0).T
    z = np.repeat(rng.normal(size=(items, 1)) + 0.2 * (pairs[:, :1] - pairs[:, 1:]), 3, axis=0)
    shared = np.repeat(rng.normal(size=items), 3)
    chance = expit(strengths[first] - strengths[second] + style * z[:, 0] + shared)
    return item, first, second, (rng.random(len(item)) < chance).astype(float), z


@pytest.mark.parametrize("is_alike", [False, True])
@pytest.mark.parametrize(
    ("items", "spread", "sources"), [(120, 0.3, 3), (300, 1.0, 5), (800, 0.5, 8)]
)
def test_the_intervals_are_those_of_a_bootstrap(
    items: int, spread: float, sources: int, is_alike: bool
) -> None:
    item, first, second, won, z = judged(0, items, spread, sources, style=0.6)
    style = z if is_alike else None
    ours = leaderboard(item, first, second, won, style=style)
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(DRAWS):
        times = rng.multinomial(items, np.full(items, 1 / items))[item]
        kept = times > 0
        again = leaderboard(
            item[kept],
            first[kept],
            second[kept],
            won[kept] * times[kept],
            count=times[kept].astype(float),
            style=None if style is None else style[kept],
        )
        drawn.append([each.field for each in sorted(again.standings, key=lambda s: s.source)])
    bounds = np.quantile(np.array(drawn), [0.025, 0.975], axis=0).T
    for each, (low, high) in zip(
        sorted(ours.standings, key=lambda s: s.source), bounds, strict=True
    ):
        width = high - low
        assert each.field_interval[0] == pytest.approx(low, abs=0.15 * width)
        assert each.field_interval[1] == pytest.approx(high, abs=0.15 * width)
