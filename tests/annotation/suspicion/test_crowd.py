"""What the others believe, by hand and of crowds that are known."""

import numpy as np
import pytest
from scipy.special import expit, logit

from annotation.suspicion.crowd import Crowd, Votes, crowd
from annotation.suspicion.simulation import Behaviour, draws_lots, honest, simulate


def votes_of(rows: list[tuple[int, int, bool, int]]) -> Votes:
    unit, person, first, truth = (np.array(column) for column in zip(*rows, strict=True))
    return Votes(unit, person, first.astype(np.bool_), truth)


def test_gold_decides_whatever_people_say() -> None:
    rows = [(0, person, False, 1) for person in range(3)] + [(1, 0, True, 0), (1, 1, True, 0)]
    found = crowd(votes_of(rows))
    assert found.belief[:3] == pytest.approx([1.0] * 3, abs=1e-5)
    # of pair 1, person 0 is believed to be right if person 1 is, and they did badly on gold
    assert found.belief[3] == pytest.approx(expit(logit(found.trust[1])))


def test_nobody_is_counted_for_themselves() -> None:
    """One vote alone says nothing about itself."""
    assert crowd(votes_of([(0, 0, True, 0)])).belief == pytest.approx([0.5])


def test_without_votes_there_is_nothing_to_learn() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no votes"):
        crowd(Votes(nothing, nothing, nothing.astype(np.bool_), nothing))


def learned(people: list[Behaviour], rounds: int = 60, seed: int = 0) -> Crowd:
    return crowd(simulate(people, rounds=rounds, overlap=10, gold=0.1, seed=seed).votes)


def test_the_honest_are_told_from_those_who_draw_lots() -> None:
    found = learned([honest(0.85)] * 40 + [draws_lots] * 10)
    assert found.typical == pytest.approx(0.85, abs=0.02)
    assert found.spread < 0.03
    assert found.share == pytest.approx(0.2, abs=0.08)
    assert found.accuracy[:40].mean() == pytest.approx(0.85, abs=0.03)
    assert found.accuracy[40:].mean() == pytest.approx(0.5, abs=0.06)
    assert (found.trust[40:] < 0.6).all()


def test_a_mixed_crowd_has_a_spread() -> None:
    """Thirds of 0.9, 0.8 and 0.7: a mean of 0.8 and a spread of 0.082."""
    people = [honest(accuracy) for accuracy in (0.9, 0.8, 0.7) for _ in range(20)]
    found = learned(people, rounds=120)
    assert found.typical == pytest.approx(0.8, abs=0.02)
    assert found.spread == pytest.approx(0.082, abs=0.03)
    assert sum(share for _, share in found.honest) == pytest.approx(1.0)
    mean = sum(eta * share for eta, share in found.honest)
    assert mean == pytest.approx(found.typical, abs=1e-9)


def test_beliefs_are_calibrated() -> None:
    """Of what is believed with 80 to 95 %, so much is true."""
    sim = simulate([honest(0.75)] * 40, rounds=60, overlap=5, gold=0.0, seed=3)
    gold = simulate([honest(0.75)] * 40, rounds=60, overlap=5, gold=1.0, seed=3)
    assert (sim.votes.unit == gold.votes.unit).all()
    belief = crowd(sim.votes).belief
    likely = (belief > 0.8) & (belief < 0.95)
    true = gold.votes.truth[likely] == 1
    assert true.mean() == pytest.approx(belief[likely].mean(), abs=0.04)
