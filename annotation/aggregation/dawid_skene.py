"""What is true of each item, and how each annotator errs: Dawid & Skene's model by EM.

    E   T_ij ∝ p_j Π_k Π_l (π^k_jl)^{n^k_il}                                      (2.5)
    M   π^k_jl = (a + Σ_i T_ij n^k_il) / Σ_l (a + Σ_i T_ij n^k_il)                (2.3)
        p_j = Σ_i T_ij / I                                                        (2.4)
    log L = Σ_i ln Σ_j p_j Π_k Π_l (π^k_jl)^{n^k_il}                              (2.7)

n^k_il is how often annotator k gave item i the label l, T_ij the probability that its true class
is j. It starts from the share of votes (3.1). (A. P. Dawid & A. M. Skene, Applied Statistics 28,
1979.) a > 0 smooths, so that who gave few answers is not said never to err; 0 is the paper's. It
may differ from cell to cell: answers that each annotator is taken to have given before.

Where the classes have no order of their own (which of two responses is called the first), their
names may be exchanged: `mirror` says which class becomes which, and what is estimated of one is
then estimated of both together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

STEPS = 200
TOLERANCE = 1e-6  # of the log-likelihood, per item


@dataclass(frozen=True)
class DawidSkene:
    """`posterior` (I, C), class shares `prior` (C,), `errors` (K, C, C): true class, label."""

    posterior: Floats
    prior: Floats
    errors: Floats
    log_likelihood: float


def fit(
    items: Ints,
    annotators: Ints,
    labels: Ints,
    *,
    classes: int,
    smoothing: float | Floats = 0.01,
    weights: Floats | None = None,
    mirror: Ints | None = None,
    steps: int = STEPS,
) -> DawidSkene:
    """The model of answers (N,) each: which item, whose, which label. Every index from 0 on.

    `weights` (N,) say how much each answer counts; `smoothing` is a, or a of each cell (C, C). EM
    ends where nothing is gained any more, or after `steps`. An item without an answer gets the
    class shares. ValueError where there is no answer at all.
    """
    if len(items) == 0:
        raise ValueError("there are no answers to learn from")
    count, people = int(items.max()) + 1, int(annotators.max()) + 1
    weight = np.ones(len(items)) if weights is None else weights
    posterior = np.zeros((count, classes))
    np.add.at(posterior, (items, labels), weight)
    answered = posterior.sum(axis=1, keepdims=True)
    posterior = np.where(answered > 0, posterior / np.where(answered > 0, answered, 1), 1 / classes)
    cells = annotators * classes + labels
    before = -np.inf
    for _ in range(steps):
        prior = posterior.mean(axis=0)
        errors: Floats = np.zeros((people, classes, classes))
        for j in range(classes):
            said = np.bincount(cells, weight * posterior[items, j], minlength=people * classes)
            errors[:, j] = said.reshape(people, classes)
        if mirror is not None:
            prior = (prior + prior[mirror]) / 2
            errors = (errors + errors[:, mirror][:, :, mirror]) / 2
        errors += smoothing
        total = errors.sum(axis=2, keepdims=True)
        errors = np.divide(errors, total, out=np.zeros_like(errors), where=total > 0)
        with np.errstate(divide="ignore"):
            of_label = np.log(errors)[annotators, :, labels]  # (N, C)
            joint = np.tile(np.log(prior), (count, 1))
        for j in range(classes):
            joint[:, j] += np.bincount(items, weight * of_label[:, j], minlength=count)
        top = joint.max(axis=1, keepdims=True)
        weights = np.exp(joint - top)
        evidence = weights.sum(axis=1, keepdims=True)
        posterior = weights / evidence
        likelihood = float((np.log(evidence) + top).sum())
        if likelihood - before < TOLERANCE * count:
            break
        before = likelihood
    return DawidSkene(posterior, prior, errors, likelihood)
