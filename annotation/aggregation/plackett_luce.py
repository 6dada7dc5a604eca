"""Strengths out of whole rankings: Plackett–Luce.

    P(r_1 ≻ r_2 ≻ … ≻ r_K) = Π_t γ_{r_t} / Σ_{u >= t} γ_{r_u}

found by Hunter's MM algorithm (Annals of Statistics 32, 2004, eq. 30):

    γ_i ← w_i / Σ over stages that i is still in of 1 / Σ_{u in the stage} γ_u

w_i the stages that i won, that is the rankings in which it is not last. The pairs of one ranking
are not independent; this is what takes them together.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse.csgraph import connected_components

from annotation.aggregation.bradley_terry import Floats, NotConnected

STEPS = 10_000
TOLERANCE = 1e-10


def fit(rankings: Sequence[Sequence[int]], size: int) -> Floats:
    """The likeliest ln γ, with mean 0 (size,), of rankings of some of 0 … size - 1, best first.

    Raises ValueError where a ranking names one twice, NotConnected where no strength fits.
    """
    beaten = np.zeros((size, size), dtype=bool)
    won = np.zeros(size)
    by_length: dict[int, list[Sequence[int]]] = {}
    for ranking in rankings:
        if len(set(ranking)) < len(ranking):
            raise ValueError("a ranking without ties names each response once")
        for place, each in enumerate(ranking[:-1]):
            won[each] += 1
            beaten[each, list(ranking[place + 1 :])] = True
        by_length.setdefault(len(ranking), []).append(ranking)
    if connected_components(beaten, directed=True, connection="strong")[0] > 1:
        raise NotConnected(
            "Some never came before, or never after the others, so their strength has no bound."
        )
    tables = [np.array(rows, dtype=np.intp) for k, rows in by_length.items() if k > 1]
    gamma = np.full(size, 1.0 / size)
    for _ in range(STEPS):
        inverse = np.zeros(size)
        for table in tables:
            left = np.cumsum(gamma[table][:, ::-1], axis=1)[:, ::-1]  # of those still to place
            stages = 1.0 / left[:, :-1]
            reach = np.cumsum(stages, axis=1)  # who is placed at t was in the stages up to t
            reach = np.concatenate([reach, reach[:, -1:]], axis=1)
            inverse += np.bincount(table.ravel(), reach.ravel(), minlength=size)
        renewed = won / inverse
        renewed /= renewed.sum()
        change = float(np.abs(np.log(renewed / gamma)).max())
        gamma = renewed
        if change < TOLERANCE:
            break
    strengths = np.log(gamma)
    return np.asarray(strengths - strengths.mean())
