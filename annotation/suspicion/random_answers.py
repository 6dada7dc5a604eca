"""Answers by chance: as if the responses had not been read.

An honest person of accuracy η says what is the likelier (b >= ½ by the others' word, 1 by gold)
with probability q = b η + (1 - b)(1 - η), one who draws lots with ½. The likelihood ratio of the
two (J. Neyman & E. S. Pearson 1933: no test of the same size finds more) grows with

    T = Σ over answers that go against the likelier of ln(q / (1 - q))

    p = Σ_m share_m P(T >= t | η_m)             exactly (`tail`), over the honest of this crowd

Shown is whose p is low, unless they agree with the likelier more than chance does (by the same
statistic, at 2.5 %): who is merely less accurate than most has read the responses.
"""

import numpy as np

from annotation.suspicion.crowd import Crowd, Flags, Floats, Votes
from annotation.suspicion.finding import ENOUGH, Finding, of, p_words
from annotation.suspicion.tail import upper_tail

LABEL = "Answers by chance"
LEVEL = 0.008  # beliefs are estimated too: it is 1 % of honest people at most, by simulation

BETTER = 0.025  # by this p somebody is better than lots
LEVELS = 100  # of how sure the others are, from ½ to 1


def tests(votes: Votes, crowd: Crowd) -> tuple[Floats, Floats]:
    """Of each person (K,), the p of so many answers against the likelier from somebody honest, and
    of so many with it by chance."""
    sure = np.maximum(crowd.belief, 1 - crowd.belief)
    level = np.floor((sure - 0.5) * 2 * LEVELS + 1e-3).astype(np.int64)  # down: p grows by it
    against = votes.first != (crowd.belief > 0.5)
    cells, size = votes.person * (LEVELS + 1) + level, votes.people * (LEVELS + 1)
    seen = np.bincount(cells, minlength=size).reshape(-1, LEVELS + 1)
    hits = np.bincount(cells[against], minlength=size).reshape(-1, LEVELS + 1)
    beliefs = 0.5 + np.arange(LEVELS + 1) / (2 * LEVELS)
    typical = beliefs * crowd.typical + (1 - beliefs) * (1 - crowd.typical)
    weight = np.log(typical / (1 - typical))
    of_honest = sum(
        share * upper_tail(seen, hits, weight, beliefs * (1 - eta) + (1 - beliefs) * eta)
        for eta, share in crowd.honest
    )
    by_chance = upper_tail(seen, seen - hits, weight, np.full(LEVELS + 1, 0.5))
    return np.asarray(of_honest), by_chance


def is_shown(p: Floats, by_chance: Floats) -> Flags:
    """Too low for most here, and not better than lots: not somebody who is merely less accurate."""
    return (p < LEVEL) & (by_chance > BETTER)


def findings(votes: Votes, crowd: Crowd) -> list[Finding]:
    """Of everybody with enough answers."""
    p, by_chance = tests(votes, crowd)
    shown = is_shown(p, by_chance)
    agrees = votes.first == (crowd.belief > 0.5)
    same = np.bincount(votes.person, agrees, minlength=votes.people)
    sure = np.maximum(crowd.belief, 1 - crowd.belief)
    honest = sure * crowd.typical + (1 - sure) * (1 - crowd.typical)
    usual = np.bincount(votes.person, honest, minlength=votes.people)
    return [
        Finding(
            person=k,
            label=LABEL,
            p=float(p[k]),
            sentence=(
                f"{of(round(same[k]), n, 'answers')} agree with gold or with what the others say."
                f" Somebody as accurate as most here would agree on about {usual[k]:.0f}, drawing"
                f" lots gives {n / 2:.0f}. One as low has {p_words(float(p[k]))}."
            ),
            is_shown=bool(shown[k]),
        )
        for k, n in enumerate(votes.per_person().astype(np.int64).tolist())
        if n >= ENOUGH
    ]
