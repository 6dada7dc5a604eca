"""Length in place of quality: the longer response preferred nearly always.

Longer responses are often better, so what counts is how often an honest person here would prefer
the longer of the same pairs: with probability

    q_i = b_i a + (1 - b_i)(1 - a)        b_i: the longer is better, by the others' word or gold

    p   = P(Σ Bernoulli(q_i) >= k)        exactly (`tail`), k how often it was preferred
"""

import numpy as np

from annotation.suspicion.crowd import Crowd, Flags, Votes
from annotation.suspicion.finding import ENOUGH, Finding, of, p_words
from annotation.suspicion.tail import upper_tail

LABEL = "Always the longer"
LEVEL = 0.001
SHARE = 0.8

LEVELS = 100  # of q, rounded up: p grows by it


def findings(votes: Votes, crowd: Crowd, first_longer: Flags, differ: Flags) -> list[Finding]:
    """`first_longer` (N,): whether the first response is the longer one, where they `differ`."""
    belief = np.where(first_longer, crowd.belief, 1 - crowd.belief)
    chance = belief * crowd.typical + (1 - belief) * (1 - crowd.typical)
    level = np.ceil(chance * LEVELS - 1e-9).astype(np.int64)
    longer = differ & (votes.first == first_longer)
    cells, size = votes.person * (LEVELS + 1) + level, votes.people * (LEVELS + 1)
    seen = np.bincount(cells[differ], minlength=size).reshape(-1, LEVELS + 1)
    hits = np.bincount(cells[longer], minlength=size).reshape(-1, LEVELS + 1)
    p = upper_tail(seen, hits, np.ones(LEVELS + 1), np.arange(LEVELS + 1) / LEVELS)
    n, k = seen.sum(axis=1), hits.sum(axis=1)
    usual = votes.per_person(np.where(differ, chance, 0.0))
    return [
        Finding(
            person=i,
            label=LABEL,
            p=float(p[i]),
            sentence=(
                f"{of(int(k[i]), int(n[i]), 'answers')} prefer the longer response. On the same"
                f" pairs, somebody as accurate as most here would prefer it about {usual[i]:.0f}"
                f" times. A count as high has {p_words(float(p[i]))}."
            ),
            is_shown=bool(p[i] < LEVEL and k[i] >= SHARE * n[i]),
        )
        for i in np.flatnonzero(n >= ENOUGH).tolist()
    ]
