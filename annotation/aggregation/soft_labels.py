"""What each pair's label is, out of everybody's votes, by what is known of who votes.

A vote says of a pair of responses that the first is better, that they are equal, or that the second
is. Two models say how likely the first is the better one, and how reliable each voter is:

    Dawid–Skene  p = P(first better | votes) + ½ P(equal | votes)           (`dawid_skene`)
    Crowd-BT     p = σ(s_a - s_b)                                           (`crowd_bt`)
    strength     min(3, |ln(p / (1 - p))|), the margin of a reward model

Dawid–Skene learns of a pair by its own votes alone. Crowd-BT carries what it knows of a response
from pair to pair, so it gains where responses meet several others, as in rankings.

Before the first answer a voter is taken to be right two times in three, as sure of it as after
four votes: without that, who votes alone on a pair would always be right.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from annotation.aggregation import crowd_bt, dawid_skene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIRST, EQUAL, SECOND = 0, 1, 2
MIRROR = np.array([SECOND, EQUAL, FIRST])  # which response is called the first means nothing
GIVEN_BEFORE = np.array([[3.0, 0.5, 0.5], [0.5, 3.0, 0.5], [0.5, 0.5, 3.0]])
MOST = 3.0  # strength, as of "much better"


@dataclass(frozen=True)
class PairVotes:
    """Votes (N,) each: on which pair, whose, which label, how much it counts. `first` and `second`
    (U,) are the responses of each pair. Every index from 0 on, without gaps."""

    pair: Ints
    voter: Ints
    label: Ints
    weight: Floats
    first: Ints
    second: Ints


@dataclass(frozen=True)
class SoftLabels:
    """Of each pair `p` (U,) and `strength` (U,), of each voter `reliability` (K,): how likely they
    say what is true."""

    p: Floats
    strength: Floats
    reliability: Floats


def by_dawid_skene(votes: PairVotes) -> SoftLabels:
    """The posterior of each pair's true label. ValueError where there is no vote."""
    found = dawid_skene.fit(
        votes.pair,
        votes.voter,
        votes.label,
        classes=len(MIRROR),
        smoothing=GIVEN_BEFORE,
        weights=votes.weight,
        mirror=MIRROR,
    )
    right = np.diagonal(found.errors, axis1=1, axis2=2)
    p = found.posterior[:, FIRST] + found.posterior[:, EQUAL] / 2
    return SoftLabels(p, strength_of(p), np.asarray(right @ found.prior))


def by_crowd_bt(votes: PairVotes) -> SoftLabels:
    """How likely each pair's first response is the better one, by the strengths of both.

    ValueError where there is no vote.
    """
    found = crowd_bt.fit(
        votes.first[votes.pair],
        votes.second[votes.pair],
        1 - votes.label / 2,
        votes.voter,
        responses=int(max(votes.first.max(initial=-1), votes.second.max(initial=-1))) + 1,
        people=int(votes.voter.max(initial=-1)) + 1,
        weights=votes.weight,
    )
    p = found.preferred(votes.first, votes.second)
    return SoftLabels(p, strength_of(p), found.reliability)


def strength_of(p: Floats) -> Floats:
    """How clearly one response is the better one, 0 … 3."""
    return np.asarray(np.minimum(MOST, np.abs(logit(np.clip(p, 1e-9, 1 - 1e-9)))))


MODELS: dict[str, Callable[[PairVotes], SoftLabels]] = {
    "dawid_skene": by_dawid_skene,
    "crowd_bt": by_crowd_bt,
}
