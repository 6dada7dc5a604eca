"""People who say the same as each other, also where both are wrong: copies of one another, rings.

Of a pair that a and b both judged, b says what a said by chance with probability

    c = Σ_t P(t | a's word, all others) P(b says so | t)

each as accurate as everybody else finds them: near 1 where a says what is right, small where a
errs. So agreeing in errors weighs most in

    T = Σ over pairs on which they agree of ln(1 / c)        p = P(T >= t)  exactly (`tail`)

which is the likelihood ratio of "b copies a" and "each by themselves". Of M couples with enough in
common the p counts M times (Bonferroni); couples below the level that share somebody are a ring.
Gold is left out: everybody is asked it, and where gold itself is wrong, all who read well would
look like a ring.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from annotation.suspicion.crowd import Crowd, Flags, Floats, Ints, Votes
from annotation.suspicion.finding import Finding, of, p_words
from annotation.suspicion.tail import upper_tail

LABEL = "The same as somebody else"
LEVEL = 0.001  # after M tests

SHARED = 8  # pairs that a couple has to have in common
SCREEN = 3.0  # standard deviations: below it the exact test is not worth its time
MOST_PEOPLE = 2_000  # with the most votes; couples are counted in a table of people by people
MOST_TOGETHER = 40  # neighbours in the list of a pair's people that each one is held against
LEVELS = 100  # of c, rounded up: p grows by it


@dataclass(frozen=True)
class _Met:
    """Meetings of two people at one pair (M,): which couple, c, and what they said."""

    couple: Ints
    chance: Floats
    agree: Flags
    against: Flags  # both against what the others say


def findings(votes: Votes, crowd: Crowd) -> list[Finding]:
    """Of everybody who shares enough with somebody."""
    people = _most_active(votes)
    size = len(people)
    shared, found, mean, spread = (np.zeros(size * size) for _ in range(4))
    for met in _meetings(votes, crowd, people):
        weight = -np.log(met.chance)
        shared += np.bincount(met.couple, minlength=size * size)
        found += np.bincount(met.couple, weight * met.agree, minlength=size * size)
        mean += np.bincount(met.couple, weight * met.chance, minlength=size * size)
        variance = weight**2 * met.chance * (1 - met.chance)
        spread += np.bincount(met.couple, variance, minlength=size * size)
    enough = shared >= SHARED
    looked_at = np.flatnonzero(enough & (found - mean > SCREEN * np.sqrt(spread)))
    tests = int(enough.sum())
    couples = _exactly(_meetings(votes, crowd, people), looked_at, tests)
    nearest: dict[int, tuple[float, str]] = {}
    beside: dict[int, set[int]] = {}
    for key, (p, sentence) in couples.items():
        a, b = divmod(key, size)
        for one in (a, b):
            nearest[one] = min(nearest.get(one, (2.0, "")), (p, sentence))
        if p < LEVEL:
            beside.setdefault(a, set()).add(b)
            beside.setdefault(b, set()).add(a)
    met_enough = np.flatnonzero(
        enough.reshape(size, size).any(0) | enough.reshape(size, size).any(1)
    )
    return [
        Finding(
            person=int(people[k]),
            label=LABEL,
            p=nearest.get(k, (1.0, ""))[0],
            sentence=nearest.get(k, (1.0, ""))[1],
            is_shown=k in beside,
            beside=tuple(int(people[each]) for each in sorted(beside.get(k, ()))),
        )
        for k in met_enough.tolist()
    ]


def _most_active(votes: Votes) -> Ints:
    """Who is looked at, in order."""
    return np.sort(np.argsort(-votes.per_person(), kind="stable")[:MOST_PEOPLE])


def _exactly(meetings: Iterator[_Met], looked_at: Ints, tests: int) -> dict[int, tuple[float, str]]:
    """The p of these couples, `tests` times, with the sentence."""
    if not len(looked_at):
        return {}
    shape = (len(looked_at), LEVELS + 1)
    seen, hits = (np.zeros(shape, dtype=np.int64) for _ in range(2))
    against = np.zeros(len(looked_at), dtype=np.int64)
    for met in meetings:
        at = np.searchsorted(looked_at, met.couple)
        kept = looked_at[np.minimum(at, len(looked_at) - 1)] == met.couple
        level = np.ceil(met.chance * LEVELS - 1e-9).astype(np.int64)
        np.add.at(seen, (at[kept], level[kept]), 1)
        np.add.at(hits, (at[kept], level[kept]), met.agree[kept])
        np.add.at(against, at[kept], met.against[kept])
    chance = np.arange(LEVELS + 1) / LEVELS
    weight = -np.log(np.maximum(chance, 0.5 / LEVELS))
    p = np.minimum(upper_tail(seen, hits, weight, chance) * tests, 1.0)
    n, k = seen.sum(axis=1), hits.sum(axis=1)
    usual = seen @ chance
    return {
        int(couple): (
            float(p[i]),
            f"{of(int(k[i]), int(n[i]), 'shared pairs')} get the same answer from the two who are"
            f" nearest; by themselves they would agree on about {usual[i]:.0f}. On {against[i]:,}"
            f" of them both go against what the others say. Of {tests:,} couples looked at, one as"
            f" near has {p_words(float(p[i]))}.",
        )
        for i, couple in enumerate(looked_at.tolist())
    }


def _meetings(votes: Votes, crowd: Crowd, people: Ints) -> Iterator[_Met]:
    """All meetings, those of neighbours in a pair's list first; each couple with a < b, by their
    places in `people`."""
    place = np.full(votes.people, -1)
    place[people] = np.arange(len(people))
    order = np.lexsort((votes.person, votes.unit))
    order = order[(place[votes.person[order]] >= 0) & (votes.truth[order] == 0)]
    unit, person, first = votes.unit[order], votes.person[order], votes.first[order]
    odds = logit(np.clip(crowd.belief[order], 1e-9, 1 - 1e-9))
    cast = np.where(first, 1.0, -1.0) * logit(crowd.trust)[person]
    accuracy = np.clip(crowd.accuracy, 0.5, 1.0)
    for step in range(1, min(len(unit), MOST_TOGETHER + 1)):
        at = np.flatnonzero(unit[step:] == unit[:-step])
        if not len(at):
            break
        a, b = person[at], person[at + step]
        rest = odds[at] - cast[at + step]  # without either
        sign = np.where(first[at], 1.0, -1.0)
        eta = np.clip(accuracy[a], 0.5, 0.99)
        right = expit(sign * rest + logit(eta))  # that a is right, knowing what a said
        chance = right * accuracy[b] + (1 - right) * (1 - accuracy[b])
        agree = first[at] == first[at + step]
        yield _Met(
            couple=place[a] * len(people) + place[b],
            chance=np.clip(chance, 1 / LEVELS, 1 - 1e-6),
            agree=agree,
            against=agree & (sign * rest < 0),
        )
