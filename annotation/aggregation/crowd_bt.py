"""Strengths of responses and reliability of annotators at once: Crowd-BT.

    P(i ≻_k j) = η_k σ(s_i - s_j) + (1 - η_k) σ(s_j - s_i)

η near 1 is a good annotator, ½ one who draws lots, near 0 one who has the scale the wrong way
round. (X. Chen, P. N. Bennett, K. Collins-Thompson & E. Horvitz, Pairwise ranking aggregation in a
crowdsourced setting, WSDM 2013.) Found at the top of the posterior, with s ~ N(0, 1/λ), which
keeps what was always preferred finite, and η ~ Beta(a, b), whose mean above ½ says which way round
the scale is: turning every η and every s round would fit just as well.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

PRIOR = (4.0, 2.0)  # a, b of η: two in three votes right, as sure of it as after four votes
PRECISION = 0.1  # λ of s
STEPS = 500
GRID = 100  # points of η, for its interval


@dataclass(frozen=True)
class CrowdBT:
    """Strengths (M,), and for each annotator η (K,)."""

    strengths: Floats
    reliability: Floats

    def preferred(self, first: Ints, second: Ints) -> Floats:
        """P(first is the better one), as an annotator without error would see it (N,)."""
        return np.asarray(expit(self.strengths[first] - self.strengths[second]))


def fit(
    first: Ints,
    second: Ints,
    wins: Floats,
    annotators: Ints,
    *,
    responses: int,
    people: int,
    weights: Floats | None = None,
    precision: float = PRECISION,
    prior: tuple[float, float] = PRIOR,
) -> CrowdBT:
    """The model of votes (N,) each: which two responses, how far the first won (1, ½ or 0), whose.

    A tie is half a vote each way; `weights` (N,) say how much each vote counts. ValueError where
    there are no votes.
    """
    if len(first) == 0:
        raise ValueError("there are no votes to learn from")
    a, b = prior
    weight = np.ones(len(first)) if weights is None else weights

    def cost(parameters: Floats) -> tuple[float, Floats]:
        """The posterior's negative logarithm, and its gradient."""
        s, raw = parameters[:responses], parameters[responses:]
        eta = expit(raw)
        better = expit(s[first] - s[second])
        of_vote = eta[annotators]
        chance = of_vote * better + (1 - of_vote) * (1 - better)
        value = -(weight * (wins * np.log(chance) + (1 - wins) * np.log1p(-chance))).sum()
        slope = -weight * (wins / chance - (1 - wins) / (1 - chance))
        by_strength = slope * (2 * of_vote - 1) * better * (1 - better)
        by_eta = slope * (2 * better - 1) * of_vote * (1 - of_vote)
        gradient = np.concatenate(
            [
                np.bincount(first, by_strength, minlength=responses)
                - np.bincount(second, by_strength, minlength=responses)
                + precision * s,
                np.bincount(annotators, by_eta, minlength=people)
                - ((a - 1) * (1 - eta) - (b - 1) * eta),
            ]
        )
        value += precision / 2 * float(s @ s)
        value -= float(((a - 1) * np.log(eta) + (b - 1) * np.log1p(-eta)).sum())
        return float(value), gradient

    start = np.concatenate([np.zeros(responses), np.full(people, logit(a / (a + b)))])
    bounds = [(-30.0, 30.0)] * responses + [(-12.0, 12.0)] * people
    found: Any = minimize(
        cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS}
    )
    return CrowdBT(found.x[:responses], np.asarray(expit(found.x[responses:])))


def reliability_intervals(
    found: CrowdBT, first: Ints, second: Ints, wins: Floats, annotators: Ints
) -> Floats:
    """Where 95 % of each η's posterior lies (K, 2), the strengths taken as known.

    It is summed up on a grid of η: Beta(a, b) Π (η c + (1 - η)(1 - c)) over the annotator's votes,
    c the chance that what they said is right.
    """
    better = found.preferred(first, second)
    grid = (np.arange(GRID) + 0.5) / GRID
    a, b = PRIOR
    logs = np.empty((len(found.reliability), GRID))
    for n, eta in enumerate(grid.tolist()):
        chance = eta * better + (1 - eta) * (1 - better)
        likely = wins * np.log(chance) + (1 - wins) * np.log1p(-chance)
        logs[:, n] = np.bincount(annotators, likely, minlength=len(logs))
        logs[:, n] += (a - 1) * np.log(eta) + (b - 1) * np.log1p(-eta)
    mass = np.exp(logs - logs.max(axis=1, keepdims=True)).cumsum(axis=1)
    below = mass / mass[:, -1:]
    return np.stack([grid[(below < bound).sum(axis=1)] for bound in (0.025, 0.975)], axis=1)
