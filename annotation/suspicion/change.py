"""Honest first, then against what is right.

Read from the newest answer back, the likelihood ratio of "wrong on purpose" against "as before",

    L_j = Π over the newest j of  ((1 - r) η + r (1 - η)) / (r η + (1 - r)(1 - η))

r the probability that the answer is right, is a martingale with mean 1 if nothing has changed. So
by J. Ville's inequality (Étude critique de la notion de collectif, 1939), wherever it is highest,

    p = 1 / max_j L_j

holds for the whole scan, whatever the moment of the change. η is the person's own accuracy over
everything, at most what is typical here; the part before has to be better than chance.
"""

import numpy as np

from annotation.suspicion.crowd import LOWEST, Crowd, Ints, Votes
from annotation.suspicion.finding import ENOUGH, Finding, p_words
from annotation.suspicion.tail import SMALLEST

LABEL = "A change for the worse"
LEVEL = 0.001


def findings(votes: Votes, crowd: Crowd, when: Ints) -> list[Finding]:
    """`when` (N,): moments whose order is the order of the answers."""
    order = np.lexsort((when, votes.person))
    right = np.where(votes.first, crowd.belief, 1 - crowd.belief)[order]
    ends = np.searchsorted(votes.person[order], np.arange(votes.people + 1))
    found = []
    for k, (start, end) in enumerate(zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)):
        if end - start < 2 * ENOUGH:
            continue
        r = right[start:end]
        eta = min(max(float(crowd.accuracy[k]), LOWEST), crowd.typical)
        likely = r * eta + (1 - r) * (1 - eta)
        back = np.cumsum(np.log((1 - likely) / likely)[::-1])
        newest = int(back.argmax()) + 1
        p = float(np.clip(np.exp(-back[newest - 1]), SMALLEST, 1.0))
        before, after = r[:-newest] > 0.5, r[-newest:] > 0.5
        found.append(
            Finding(
                person=k,
                label=LABEL,
                p=p,
                sentence=(
                    f"Of the first {len(before):,} answers {before.sum():,} agree with gold or with"
                    f" what the others say, of the newest {newest:,} only {after.sum():,}. Without"
                    f" a change such an end has {p_words(p)}."
                ),
                is_shown=p < LEVEL and _was_better(int(before.sum()), len(before)),
            )
        )
    return found


def _was_better(agreed: int, n: int) -> bool:
    """More than two standard errors above chance."""
    return n >= ENOUGH and agreed > n / 2 + n**0.5
