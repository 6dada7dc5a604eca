"""Whether somebody gives the same answer again and again, whatever is asked.

An answer here is what was clicked, as it was displayed: where the order of the responses is drawn
for each turn, a reader's answers spread. Three things are counted of a person with n answers to one
kind of question:

    most   x of them are the same one. If they were drawn as everybody else's are, with the shares
           q_j (one added to each count), P(some answer x times or more) <= Σ_j P(Bin(n, q_j) >= x)
    run    the longest run of equal ones has L. If they were drawn one by one with the person's own
           shares p_j, P(a run of L) = 1 - S_n, with S_0 = 1, E_0 = 0 and, for t = 1 … n,
               G_t(j) = p_j (S_{t-1} - E_{t-1}(j))                  a run of j begins at t
               E_t(j) = G_t(j) + p_j E_{t-1}(j) - p_j^{L-1} G_{t-L+1}(j)   one goes on, short of L
               S_t = Σ_j E_t(j)
    flat   of so many answers with three ratings or more, in so many are all on one stop; Fisher's
           exact test beside the others, one-sided

All p of all people are corrected together (Holm). Somebody stands out where chance does not explain
it *and* there is much of it (MOST, RUN, FLAT), so that a habit of mild words is not taken for it.
The recursion is that of W. Feller, Introduction to Probability I, XIII.7, for several letters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc

from annotation.aggregation.intervals import fisher_tail, wilson
from annotation.bias.shares import holm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LABEL = "Straight-lining"
OTHERS = 50  # answers of other people at least, to be compared with
MOST, RUN, FLAT = 2 / 3, 8, 2 / 3
LEVEL = 0.05
TOLD_APART = 1_000  # answers, the most frequent of all; a rarer one is like no other
LETTERS = 12  # answers told apart in the recursion, a person's most frequent; no other makes a run
LOOKED_AT = 5_000  # answers of a person, the newest: the recursion takes one after the other
AT_ONCE = 4_000_000  # entries of its table


@dataclass(frozen=True)
class Person:
    """Of n answers `most` are the one named by `answer`, the longest run is `run`; of `rated`
    answers with several ratings `flat` are all on one stop. The p are corrected."""

    n: int
    answer: int
    most: int
    most_p: float
    run: int
    run_p: float
    flat: int
    rated: int
    flat_p: float

    @property
    def share(self) -> float:
        return self.most / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.share, self.n)

    @property
    def flat_share(self) -> float | None:
        return self.flat / self.rated if self.rated else None

    @property
    def p(self) -> float:
        return min(self.most_p, self.run_p, self.flat_p)

    @property
    def reasons(self) -> list[str]:
        """What chance explains no longer, and there is much of."""
        return [
            word
            for word, is_so in (
                ("one answer", self.most_p < LEVEL and self.share > MOST),
                ("a long run", self.run_p < LEVEL and self.run >= RUN),
                ("flat ratings", self.flat_p < LEVEL and (self.flat_share or 0.0) > FLAT),
            )
            if is_so
        ]


def straight_lining(who: Ints, said: Ints, is_flat: Ints, kinds: int = 1) -> dict[int, Person]:
    """By person, from answers (N,) to one kind of question in the order of time: whose, which, and
    1 for flat ratings, 0 for others, -1 for an answer without several ratings.

    The p are corrected for `kinds` such calls too (Bonferroni)."""
    people, place = np.unique(who, return_inverse=True)
    if not len(people):
        return {}
    answers, letter = _letters(said)
    n = np.bincount(place)
    counts = _by_person(place, letter, len(people), len(answers))
    run, seen, recent = _runs(place, said, letter, len(people), len(answers))
    flat = np.bincount(place[is_flat == 1], minlength=len(people)).tolist()
    rated = np.bincount(place[is_flat >= 0], minlength=len(people)).tolist()
    flat_p = [fisher_tail(k, n, sum(flat), sum(rated)) for k, n in zip(flat, rated, strict=True)]
    raw = holm([*most_p(counts, n).tolist(), *run_p(recent, seen, run).tolist(), *flat_p])
    p = [min(1.0, kinds * each) for each in raw]
    size = len(people)
    return {
        int(people[i]): Person(
            n=int(n[i]),
            answer=int(answers[counts[i].argmax()]),
            most=int(counts[i].max()),
            most_p=p[i],
            run=int(run[i]),
            run_p=p[size + i],
            flat=flat[i],
            rated=rated[i],
            flat_p=p[2 * size + i],
        )
        for i in range(size)
    }


def most_p(counts: Ints, n: Ints) -> Floats:
    """Of each person (P,) with n answers (P,), from how often each gave each of the answers that
    are told apart (P, M): the bound of `most`."""
    x = counts.max(axis=1)
    others = (n.sum() - n)[:, None]
    q = (counts.sum(axis=0) - counts + 1) / (others + counts.shape[1])
    tails = bdtrc(np.maximum(x - 1, 0)[:, None], n[:, None], q).sum(axis=1)
    return np.where((others[:, 0] < OTHERS) | (x == 0), 1.0, np.minimum(tails, 1.0))


def _letters(said: Ints) -> tuple[Ints, Ints]:
    """The answers that are told apart, and which of them each is, -1 for one that is too rare."""
    answers, letter, times = np.unique(said, return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-times, kind="stable")[:TOLD_APART])
    place = np.full(len(answers), -1)
    place[kept] = np.arange(len(kept))
    return answers[kept], place[letter]


def _by_person(place: Ints, letter: Ints, people: int, letters: int) -> Ints:
    """How often each person gave each answer (P, M)."""
    cell = (place * letters + letter)[letter >= 0]
    return np.bincount(cell, minlength=people * letters).reshape(people, letters)


def _runs(
    place: Ints, said: Ints, letter: Ints, people: int, letters: int
) -> tuple[Ints, Ints, Ints]:
    """Of each person's newest answers: the longest run (P,), how many they are (P,), and how often
    each was given (P, M)."""
    order = np.argsort(place, kind="stable")
    of, what = place[order], said[order]
    behind = np.searchsorted(of, of, side="right") - np.arange(len(of))  # itself and what is newer
    order, of, what = (column[behind <= LOOKED_AT] for column in (order, of, what))
    starts = np.flatnonzero(np.append(True, (of[1:] != of[:-1]) | (what[1:] != what[:-1])))
    longest = np.zeros(people, dtype=np.int64)
    np.maximum.at(longest, of[starts], np.diff(np.append(starts, len(of))))
    recent = _by_person(of, letter[order], people, letters)
    return longest, np.bincount(of, minlength=people), recent


def run_p(counts: Ints, n: Ints, run: Ints) -> Floats:
    """Of each person (P,): the chance of a run of `run` (P,) or more among n (P,), from how often
    each gave each answer (P, M)."""
    found = np.ones(len(n))
    shares = -np.sort(-counts, axis=1)[:, :LETTERS] / np.maximum(n, 1)[:, None]
    order = np.argsort(n)
    first = 0
    while first < len(order):
        # people with about as many answers go together
        size = max(1, AT_ONCE // max(1, int(n[order[-1]]) * shares.shape[1]))
        part = order[first : first + size]
        found[part] = _chance_of_run(shares[part], n[part], run[part])
        first += size
    return found


def _chance_of_run(p: Floats, n: Ints, run: Ints) -> Floats:
    """Of people (P,) with shares p (P, M); what is left of 1 never makes a run."""
    last = int(n.max())
    who = np.arange(len(n))
    rest = np.maximum(1.0 - p.sum(axis=1), 0.0)
    cut = p ** np.maximum(run - 1, 0)[:, None]
    begun = np.zeros((last + 1, *p.shape))  # G
    going, without = np.zeros_like(p), np.ones(len(n))  # E, S
    found = np.where(run <= 1, 1.0, 0.0)
    for t in range(1, last + 1):
        begun[t] = p * (without[:, None] - going)
        dropped = t - run + 1
        gone = begun[np.maximum(dropped, 0), who] * cut  # G_0 is 0
        going = begun[t] + p * going - gone
        without = going.sum(axis=1) + rest * without
        done = n == t
        found[done] = np.maximum(found[done], 1.0 - without[done])
    return np.clip(found, 0.0, 1.0)
