"""What the patterns find in crowds that are known, and how many honest people they wrong.

Draws lots is held against the likelihood-ratio test that is told the truth of every pair and
everybody's accuracy a: of n answers it finds whoever has at most c right, c the highest count with
P(Bin(n, a) <= c) <= 1 %. It is not randomised, so it wastes what of this percent lies between two
counts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr

from annotation.suspicion import (
    always_longer,
    change,
    copied_texts,
    fixed_place,
    random_answers,
    rings,
    simulation,
    too_fast,
)
from annotation.suspicion.crowd import Crowd, crowd
from annotation.suspicion.finding import Finding
from annotation.suspicion.simulation import Behaviour, Simulated, honest, simulate

SIZE = 0.01
HONEST = (0.9, 0.85, 0.8)  # accuracies of the honest in a survey, a third each
PEOPLE, ODD = 45, 5  # in a survey, and how many of them have the habit
MANY, LOTS = 100, 15  # where power is measured, and how many of them draw lots

Pattern = Callable[[Simulated, Crowd], list[Finding]]


@dataclass(frozen=True)
class Case:
    """A habit, the pattern that has to find it, and of how many answers each, with the overlap that
    it takes."""

    habit: Behaviour
    pattern: Pattern
    enough: int
    overlap: int = 10
    is_hurried: bool = False
    copies: bool = False


@dataclass(frozen=True)
class Shown:
    """The share of those with the habit, and of the honest, that the pattern shows; and of the
    honest that any pattern does."""

    shown: float
    honest: float
    honest_by_any: float


def _place(sim: Simulated, learned: Crowd) -> list[Finding]:
    return fixed_place.findings(sim.votes.person, np.where(sim.left, 0, 1), sim.votes.people)


def _longer(sim: Simulated, learned: Crowd) -> list[Finding]:
    everywhere = np.ones(len(sim.votes), dtype=np.bool_)
    return always_longer.findings(sim.votes, learned, sim.first_longer, everywhere)


def _fast(sim: Simulated, learned: Crowd) -> list[Finding]:
    words = np.full(len(sim.votes), float(simulation.WORDS))
    return too_fast.findings(sim.votes.person, words, words / sim.speed, sim.votes.people)


def _copied(sim: Simulated, learned: Crowd) -> list[Finding]:
    return copied_texts.findings(zip(sim.votes.person.tolist(), sim.reasons, strict=True))


def _lots(sim: Simulated, learned: Crowd) -> list[Finding]:
    return random_answers.findings(sim.votes, learned)


def _change(sim: Simulated, learned: Crowd) -> list[Finding]:
    return change.findings(sim.votes, learned, np.arange(len(sim.votes)))


def _ring(sim: Simulated, learned: Crowd) -> list[Finding]:
    return rings.findings(sim.votes, learned)


PATTERNS: tuple[Pattern, ...] = (_place, _fast, _longer, _copied, _lots, _change, _ring)
CASES = {
    "always left": Case(simulation.always_left, _place, 30),
    "too fast": Case(honest(0.8), _fast, 30, is_hurried=True),
    "always longer": Case(simulation.always_longer, _longer, 30),
    "copy-paste": Case(honest(0.8), _copied, 30, copies=True),
    "draws lots": Case(simulation.draws_lots, _lots, 60),
    "honest, then poison": Case(simulation.then_poison(0.85), _change, 120),
    "ring of five": Case(simulation.in_ring(3), _ring, 120, overlap=20),
}


def survey(name: str, *, rounds: int, crowds: int, seed: int, gold: float = 0.1) -> Shown:
    """Of so many crowds in which some have this habit, after `rounds` answers each."""
    case = CASES[name]
    people = [honest(HONEST[n % len(HONEST)]) for n in range(PEOPLE - ODD)] + [case.habit] * ODD
    odd = range(PEOPLE - ODD, PEOPLE)
    shown = np.zeros(PEOPLE)
    by_any = np.zeros(PEOPLE)
    for number in range(crowds):
        sim = simulate(
            people,
            rounds=rounds,
            overlap=case.overlap,
            gold=gold,
            seed=seed + number,
            hurried=odd if case.is_hurried else (),
            copying=odd if case.copies else (),
        )
        learned = crowd(sim.votes)
        found = {pattern: _places(pattern(sim, learned)) for pattern in PATTERNS}
        shown += found[case.pattern]
        by_any += np.maximum.reduce(list(found.values()))
    shown, by_any = shown / crowds, by_any / crowds
    return Shown(
        shown=float(shown[PEOPLE - ODD :].mean()),
        honest=float(shown[: PEOPLE - ODD].mean()),
        honest_by_any=float(by_any[: PEOPLE - ODD].mean()),
    )


def _places(findings: list[Finding]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    shown = np.zeros(PEOPLE)
    shown[[each.person for each in findings if each.is_shown]] = 1
    return shown


def power(
    accuracy: float, *, answers: int, gold: float, overlap: int, crowds: int, seed: int
) -> Shown:
    """How often those who draw lots are shown among honest people of one accuracy."""
    people = [honest(accuracy)] * (MANY - LOTS) + [simulation.draws_lots] * LOTS
    shown = np.zeros(MANY)
    for number in range(crowds):
        sim = simulate(people, rounds=answers, overlap=overlap, gold=gold, seed=seed + number)
        p, by_chance = random_answers.tests(sim.votes, crowd(sim.votes))
        shown += random_answers.is_shown(p, by_chance)
    shown /= crowds
    wronged = float(shown[: MANY - LOTS].mean())
    return Shown(float(shown[MANY - LOTS :].mean()), wronged, wronged)


def informed(answers: int, accuracy: float) -> float:
    """How often the test that knows everything finds somebody who draws lots."""
    counts = np.arange(answers + 1)
    allowed = counts[bdtr(counts, answers, accuracy) <= SIZE]
    return float(bdtr(allowed.max(), answers, 0.5)) if len(allowed) else 0.0
