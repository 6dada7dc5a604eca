"""Whether answers come faster than anybody reads.

    too fast: seconds < words / CEILING,  CEILING = 3 · 238 / 60 = 11.9 words a second
    p       = P(X >= k), X ~ Bin(n, ALLOWED), corrected for as many people by Holm (`shares`)

People read 238 words of non-fiction a minute on the average (M. Brysbaert, Journal of Memory and
Language 109, 2019: 190 studies); who runs through a text at three times that sees words and takes
in few of them (K. Rayner et al., Psychological Science in the Public Interest 17, 2016). The words
are those of the prompt's last turn and of all responses, the seconds those in which the page was in
front. A share of ALLOWED is given to everybody: a prompt met before, responses a word apart.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from annotation.aggregation.intervals import binomial_tail
from annotation.bias.shares import Share, corrected

LABEL = "Speed"
WORDS_PER_MINUTE = 238
CEILING = 3 * WORDS_PER_MINUTE / 60  # words a second
ALLOWED = 0.05


def too_fast(words: NDArray[np.int64], seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Of each answer (N,), whether so many words cannot have been read in its time."""
    return np.asarray(seconds < words / CEILING)


def overall(counts: Mapping[int, tuple[int, int]]) -> Share:
    """Of everybody together, from (too fast, answers) by person."""
    k, n = (sum(each[side] for each in counts.values()) for side in (0, 1))
    return Share(k, n, binomial_tail(k, n, ALLOWED))


def by_person(counts: Mapping[int, tuple[int, int]]) -> dict[int, Share]:
    """Of each person, whether more are too fast than is given to everybody."""
    return corrected(counts, [binomial_tail(k, n, ALLOWED) for k, n in counts.values()])
