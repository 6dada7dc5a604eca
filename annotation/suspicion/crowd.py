"""What is true of each pair, as everybody but the one who is looked at says.

    λ_i  = Σ_k x_ik ln(η_k / (1 - η_k))          x = 1 for "the first", -1 for "the second"
    b_ik = σ(λ_i - x_ik ln(η_k / (1 - η_k)))     without k's own vote; 0 or 1 where gold knows

the model of A. P. Dawid & A. M. Skene (Applied Statistics 28, 1979) with one accuracy η a person
and both sides alike. It starts from their EM with η ~ Beta(a, b). Then η̂_k is the accuracy that the
others' word makes likeliest, the top of Π_i (r η + (1 - r)(1 - η)), r the probability that what k
said is right, and the crowd is taken to be of two kinds,

    honest      η̂_k ~ N(typical, spread² + 1 / I_k)        I_k: Fisher's information on η
    by chance   η̂_k ~ N(½, 1 / I_k)

fitted by EM over people, with a spread of 0 unless the likelihood asks for more. η_k becomes the
mean of what it may be by that, and b is found anew: so who gave few answers is believed like most,
and who draws lots not at all.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from annotation.suspicion.finding import ENOUGH

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

PRIOR = (4.0, 2.0)  # as in crowd_bt: says which way round the scale is
SURE = 1 - 1e-6  # gold
STEPS, TOLERANCE = 25, 1e-3
PEOPLE_STEPS = 100
FIRST_SPREAD = 0.08
PRIOR_SHARE = (2.0, 20.0)  # as if of twenty people more two had drawn lots
WORTH = 2.706  # of ln L: what a spread has to bring, at 1 % (S. Self & K. Liang, JASA 82, 1987)
MOST_BY_CHANCE = 0.5
ROUNDS = 3  # beliefs, then people, then beliefs
LOWEST, HIGHEST = 0.55, 0.98  # of what an honest person is taken to be


@dataclass(frozen=True)
class Votes:
    """Of which pair, whose, whether the first is preferred (N,), and what gold says: 1 the first,
    -1 the second, 0 nothing. Pairs and people are counted from 0; ties are no votes."""

    unit: Ints
    person: Ints
    first: Flags
    truth: Ints

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def people(self) -> int:
        return int(self.person.max(initial=-1)) + 1

    def per_person(self, values: NDArray[np.generic] | None = None) -> Floats:
        """Sums over each one's votes (K,)."""
        return np.bincount(self.person, values, minlength=self.people).astype(np.float64)


@dataclass(frozen=True)
class Crowd:
    """`belief` (N,): that the first is better, as the others say; `accuracy` (K,) of each person by
    their word, and `trust` (K,), the η that their own votes count by; what an honest person is
    like: `typical` ± `spread`; `share` of people by chance."""

    belief: Floats
    accuracy: Floats
    trust: Floats
    typical: float
    spread: float = 0.0
    share: float = 0.1

    @property
    def honest(self) -> list[tuple[float, float]]:
        """Accuracies of honest people with their shares: three points with this mean and spread."""
        if self.spread == 0:
            return [(self.typical, 1.0)]
        reach = 3**0.5 * self.spread
        points = [
            (self.typical, 2 / 3),
            (self.typical - reach, 1 / 6),
            (self.typical + reach, 1 / 6),
        ]
        return [(float(np.clip(eta, LOWEST, HIGHEST)), share) for eta, share in points]


def crowd(votes: Votes) -> Crowd:
    """The crowd that gave these votes; ValueError where there are none."""
    if not len(votes):
        raise ValueError("there are no votes to learn from")
    eta = _by_em(votes)
    typical = float(np.clip(np.median(eta), LOWEST, HIGHEST))
    found = Crowd(_belief(votes, eta), eta, eta, typical)
    for _ in range(ROUNDS):
        found, eta = _people(votes, found)
        found = replace(found, belief=_belief(votes, eta), trust=eta)
    return replace(found, accuracy=_accuracy(votes, _right(votes, found.belief)))


def _belief(votes: Votes, eta: Floats) -> Floats:
    cast = np.where(votes.first, 1.0, -1.0) * logit(eta)[votes.person]
    odds = np.bincount(votes.unit, cast)
    by_others = np.asarray(expit(odds[votes.unit] - cast))
    return np.where(votes.truth != 0, np.asarray(expit(votes.truth * logit(SURE))), by_others)


def _right(votes: Votes, belief: Floats) -> Floats:
    return np.where(votes.first, belief, 1 - belief)


def _by_em(votes: Votes) -> Floats:
    a, b = PRIOR
    n = votes.per_person()
    sign = np.where(votes.first, 1.0, -1.0)
    eta = np.full(votes.people, a / (a + b))
    for _ in range(STEPS):
        odds = np.bincount(votes.unit, sign * logit(eta)[votes.person])
        known = np.where(votes.truth != 0, votes.truth * logit(SURE), odds[votes.unit])
        before, eta = eta, (a - 1 + votes.per_person(expit(sign * known))) / (a + b - 2 + n)
        if np.abs(eta - before).max() < TOLERANCE:
            break
    return eta


def _accuracy(votes: Votes, right: Floats) -> Floats:
    """The likeliest accuracy of each person (K,), by Fisher's scoring."""
    eta = np.full(votes.people, 0.75)
    lean = 2 * right - 1
    for _ in range(STEPS):
        of_vote = eta[votes.person]
        chance = right * of_vote + (1 - right) * (1 - of_vote)
        slope = votes.per_person(lean / chance)
        step = slope / np.maximum(_information(votes, right, eta), 1e-9)
        before, eta = eta, np.clip(eta + step, 1 - HIGHEST, HIGHEST)
        if np.abs(eta - before).max() < TOLERANCE:
            break
    return eta


def _information(votes: Votes, right: Floats, eta: Floats) -> Floats:
    """On each person's accuracy, if it is this one (K,)."""
    of_vote = eta[votes.person]
    chance = right * of_vote + (1 - right) * (1 - of_vote)
    return votes.per_person((2 * right - 1) ** 2 / (chance * (1 - chance)))


def _people(votes: Votes, found: Crowd) -> tuple[Crowd, Floats]:
    """The two kinds by what is believed now, and what each one's accuracy may be in the mean."""
    right = _right(votes, found.belief)
    estimate = _accuracy(votes, right)
    enough = votes.per_person() >= ENOUGH
    counted = enough if enough.any() else ~enough
    by_chance, noise = (
        1 / np.maximum(_information(votes, right, np.full(votes.people, eta)), 1e-9)
        for eta in (0.5, found.typical)
    )
    kinds = _Kinds(estimate, by_chance, noise, counted)  # who errs on purpose is nearer to chance
    alike, apart = kinds.fit(found.typical, 0.0), kinds.fit(found.typical, FIRST_SPREAD)
    typical, spread, share, _ = apart if apart[3] - alike[3] > WORTH else alike
    is_honest = kinds.honest(typical, spread, share)[0]
    kept = spread**2 / (spread**2 + kinds.noise)
    honest = np.clip(kept * estimate + (1 - kept) * typical, 1 - HIGHEST, HIGHEST)
    mean = is_honest * honest + (1 - is_honest) * np.minimum(estimate, 0.5)
    return replace(found, accuracy=estimate, typical=typical, spread=spread, share=share), mean


@dataclass(frozen=True)
class _Kinds:
    """Estimates of accuracy (K,), and their variance at ½ and at what is typical (K,)."""

    estimate: Floats
    by_chance: Floats
    noise: Floats
    counted: Flags

    def fit(self, typical: float, spread: float) -> tuple[float, float, float, float]:
        """typical, spread, the share by chance, and ln L at its top; a spread of 0 stays so."""
        share, before, likely = 0.1, -np.inf, -np.inf
        for _ in range(PEOPLE_STEPS):
            is_honest, density = self.honest(typical, spread, share)
            before, likely = likely, float(np.log(density[self.counted]).sum())
            if likely - before < TOLERANCE:
                break
            weight = is_honest * self.counted
            precision = weight / (spread**2 + self.noise)
            typical = float((precision * self.estimate).sum() / max(precision.sum(), 1e-9))
            typical = min(max(typical, LOWEST), HIGHEST)
            strangers, looked_at = PRIOR_SHARE
            by_chance = strangers + float((self.counted * 1.0 - weight).sum())
            share = min(by_chance / (looked_at + int(self.counted.sum())), MOST_BY_CHANCE)
            kept = spread**2 / (spread**2 + self.noise)
            apart = (kept * (self.estimate - typical)) ** 2 + kept * self.noise
            spread = float((weight * apart).sum() / max(weight.sum(), 1e-9)) ** 0.5
        return typical, spread, share, likely

    def honest(self, typical: float, spread: float, share: float) -> tuple[Floats, Floats]:
        """How probably each is honest (K,), and the density of their estimate (K,)."""
        of_honest = (1 - share) * _normal(self.estimate - typical, spread**2 + self.noise)
        density = of_honest + share * _normal(self.estimate - 0.5, self.by_chance) + 1e-300
        return of_honest / density, density


def _normal(distance: Floats, variance: Floats) -> Floats:
    return np.asarray(np.exp(-(distance**2) / (2 * variance)) / np.sqrt(2 * np.pi * variance))
