"""Strengths of sources with something else held equal, such as how their responses are written.

    P(i ≻ j) = σ(s_i - s_j + Σ_k β_k z_k)          y = 1 for a win of i, ½ for a tie

z (K,) tells the two responses apart and changes its sign with them, so there is no constant.
Bradley–Terry with covariates (A. Springall, Applied Statistics 22, 1973); Chatbot Arena's style
control is the same with four of them (T. Li et al., “Does style matter?”, 2024). With r = y - P and
w = P(1 - P) of each comparison, x = (e_i - e_j, z) and θ = (s, β), Newton's step is

    θ ← θ + I⁻¹ Σ r x                      I = Σ w x xᵀ
    V = C / (C - 1) · I⁻¹ (Σ_c g_c g_cᵀ) I⁻¹,  g_c = Σ over comparisons of item c of r x

V is the cluster-robust covariance (K.-Y. Liang & S. Zeger, Biometrika 73, 1986): answers to one
item resemble each other. Strengths have mean 0. A normal prior of some precision on them bounds
those that never won or never lost.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEPS = 50
TOLERANCE = 1e-8
WEAK_PRIOR = 0.1  # precision of a strength, where some never won or never lost
LARGEST = 12.0  # a coefficient beyond has run away: e¹² to one
WORST = 1e-9  # of the information, its smallest part beside its largest


class NotTold(ValueError):
    """The comparisons do not say what is asked of them; the message says why, as a sentence."""


@dataclass(frozen=True)
class Controlled:
    """`strengths` (S,) with mean 0, `effects` (K,), and the `covariance` of both (S + K, S + K)."""

    strengths: Floats
    effects: Floats
    covariance: Floats


@dataclass(frozen=True)
class Compared:
    """Comparisons (J,): of which item, which two of `size` sources, `count` of them alike, `won` of
    which the first won with ties as halves, and `z` (J, K)."""

    item: Ints
    first: Ints
    second: Ints
    count: Floats
    won: Floats
    z: Floats
    size: int


def fit(said: Compared, prior: float = 0.0) -> Controlled:
    """The likeliest strengths and effects; NotTold where none are the likeliest."""
    size, effects = said.size, said.z.shape[1]
    theta = np.zeros(size + effects)
    for _ in range(STEPS):
        residual, information = _derivatives(said, theta, prior)
        gradient = _pulled(said, residual)
        gradient[:size] -= prior * theta[:size]
        step = np.linalg.solve(_checked(information), gradient)
        # far from the top Newton's step overshoots
        step *= min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        theta = theta + step
        theta[:size] -= theta[:size].mean()
        if np.abs(theta).max() > LARGEST:
            break
        if np.abs(step).max() < TOLERANCE:
            return Controlled(
                strengths=theta[:size],
                effects=theta[size:],
                covariance=_robust(said, residual, information),
            )
    raise NotTold(
        "One side wins whenever something differs, so no number is the likeliest. Judge more pairs."
    )


def fit_bounded(said: Compared) -> Controlled:
    """The same, with a weak prior where some never won, never lost or never met the others."""
    is_met = np.zeros((said.size, said.size), dtype=np.bool_)
    is_met[said.first[said.won > 0], said.second[said.won > 0]] = True
    lost = said.won < said.count
    is_met[said.second[lost], said.first[lost]] = True
    parts = connected_components(is_met, directed=True, connection="strong")[0]
    return fit(said, WEAK_PRIOR if parts > 1 else 0.0)


def _derivatives(said: Compared, theta: Floats, prior: float) -> tuple[Floats, Floats]:
    """What each comparison leaves unexplained (J,), and the information of θ."""
    size, z = said.size, said.z
    chance = expit(theta[said.first] - theta[said.second] + z @ theta[size:])
    weight = said.count * chance * (1 - chance)
    met = np.bincount(said.first * size + said.second, weight, minlength=size * size)
    met = met.reshape(size, size) + met.reshape(size, size).T
    information = np.zeros((len(theta), len(theta)))
    of_each = met.sum(axis=1)
    # all strengths together can move freely: held at mean 0, as firmly as each is on the average
    held = max(float(of_each.mean()), 1.0) / size
    information[:size, :size] = np.diag(of_each + prior) - met + held
    weighted = z * weight[:, None]
    crossed = _between(said, weighted)
    information[:size, size:], information[size:, :size] = crossed, crossed.T
    information[size:, size:] = z.T @ weighted
    return said.won - said.count * chance, information


def _pulled(said: Compared, residual: Floats) -> Floats:
    """Σ r x: how θ would have to move."""
    return np.concatenate([_between(said, residual[:, None])[:, 0], said.z.T @ residual])


def _between(said: Compared, values: Floats) -> Floats:
    """Σ (e_i - e_j) vᵀ of values (J, K): what the first ones got, less what the second ones did."""
    columns = [
        np.bincount(said.first, column, minlength=said.size)
        - np.bincount(said.second, column, minlength=said.size)
        for column in values.T
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((said.size, 0))


def _checked(information: Floats) -> Floats:
    """The same; NotTold where some of θ could move without changing what is seen."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    parts = np.linalg.eigvalsh(information / np.outer(scale, scale))
    if parts[0] < WORST * parts[-1]:
        raise NotTold(
            "The sources differ in how they write and in nothing else that could be compared, so"
            " the one cannot be told from the other."
        )
    return information


def _robust(said: Compared, residual: Floats, information: Floats) -> Floats:
    items, cluster = np.unique(said.item, return_inverse=True)
    count, size, effects = len(items), said.size, said.z.shape[1]
    rows = [cluster, cluster, np.repeat(cluster, effects)]
    columns = [said.first, said.second, np.tile(np.arange(effects) + size, len(cluster))]
    entries = [residual, -residual, (said.z * residual[:, None]).ravel()]
    gradients = csr_matrix(
        (np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, size + effects),
    )
    spread = np.asarray((gradients.T @ gradients).todense())
    spread *= count / (count - 1) if count > 1 else 1.0
    inverse = np.linalg.inv(information)
    # the strengths against the mean of all
    inverse[:size] -= inverse[:size].mean(axis=0)
    return np.asarray(inverse @ spread @ inverse.T)
