"""Each pattern by hand, and whom it shows in crowds whose every member is known."""

import numpy as np
import pytest

from annotation.suspicion import (
    always_longer,
    change,
    copied_texts,
    fixed_place,
    random_answers,
    rings,
    too_fast,
)
from annotation.suspicion.crowd import Crowd, Votes
from annotation.suspicion.finding import Finding
from annotation.suspicion.survey import CASES, informed, power, survey


def only(findings: list[Finding], person: int = 0) -> Finding:
    return next(each for each in findings if each.person == person)


def on_gold(right: list[bool]) -> tuple[Votes, Crowd]:
    """One person's answers to gold whose first response is the better one, in a crowd of 0.9."""
    n = len(right)
    ones = np.ones(n, dtype=np.int64)
    votes = Votes(np.arange(n), 0 * ones, np.array(right), ones)
    return votes, Crowd(np.ones(n), np.array([0.9]), np.array([0.9]), typical=0.9)


def test_lots_by_hand() -> None:
    """10 of 20 right on gold: P(Bin(20, 0.1) >= 10) = 7.15e-6, and P(Bin(20, ½) >= 10) = 0.588."""
    p, by_chance = random_answers.tests(*on_gold([True, False] * 10))
    assert p == pytest.approx([7.15e-6], rel=1e-2)
    assert by_chance == pytest.approx([0.5881], abs=1e-4)
    assert only(random_answers.findings(*on_gold([True, False] * 10))).is_shown


def test_who_is_merely_less_accurate_is_not_shown() -> None:
    """15 of 20: P(Bin(20, 0.1) >= 5) = 0.043; 28 of 40 is too low, but better than lots."""
    assert not only(random_answers.findings(*on_gold([True] * 15 + [False] * 5))).is_shown
    p, by_chance = random_answers.tests(*on_gold([True] * 28 + [False] * 12))
    assert p[0] < random_answers.LEVEL
    assert by_chance[0] < random_answers.BETTER
    assert not only(random_answers.findings(*on_gold([True] * 28 + [False] * 12))).is_shown


def test_of_few_answers_nothing_is_said() -> None:
    assert random_answers.findings(*on_gold([False] * 9)) == []


def test_the_first_place_by_hand() -> None:
    """20 of 20: 4 buttons · 2^-20 = 3.8e-6."""
    person = np.repeat([0, 1], 20)
    button = np.concatenate([np.zeros(20), np.arange(20) % 2]).astype(np.int64)
    found = only(fixed_place.findings(person, button, 2))
    assert (found.is_shown, found.p) == (True, pytest.approx(4 * 2**-20))
    assert found.sentence.startswith("20 of 20 answers prefer the response shown first.")
    assert not only(fixed_place.findings(person, button, 2), person=1).is_shown


def test_where_all_say_equal_nobody_stands_out() -> None:
    person, button = np.repeat([0, 1, 2], 20), np.full(60, 2)
    assert not any(each.is_shown for each in fixed_place.findings(person, button, 3))


def test_only_equal_among_people_who_decide_is_shown() -> None:
    person = np.repeat([0, 1, 2], 20)
    button = np.concatenate([np.full(20, 2), np.arange(40) % 2])
    found = only(fixed_place.findings(person, button, 3))
    assert found.is_shown
    assert found.sentence.startswith("20 of 20 answers say “equal”; of the others’ answers")


def test_the_longer_one_counts_against_what_is_right() -> None:
    """Where the longer one is right each time, preferring it is no habit."""
    n = 20
    votes = Votes(np.arange(n), np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool), np.ones(n))
    differ = np.ones(n, dtype=bool)
    right = Crowd(np.ones(n), np.array([0.9]), np.array([0.9]), typical=0.9)
    wrong = Crowd(np.zeros(n), np.array([0.9]), np.array([0.9]), typical=0.9)
    assert not only(always_longer.findings(votes, right, differ, differ)).is_shown
    found = only(always_longer.findings(votes, wrong, differ, differ))
    assert found.is_shown
    assert "about 2 times" in found.sentence  # a tenth of 20
    assert always_longer.findings(votes, wrong, differ, ~differ) == []


def test_speed_by_hand() -> None:
    """100 words in 5 s are 20 a second; in 20 s 5. Below 20 words, or without a time, nothing."""
    person = np.repeat([0, 1], 12)
    words, seconds = np.full(24, 100.0), np.repeat([5.0, 20.0], 12)
    found = too_fast.findings(person, words, seconds, 2)
    assert [(each.person, each.is_shown) for each in found] == [(0, True), (1, False)]
    assert "12 of 12 answers came faster than 10 words a second" in found[0].sentence
    assert "1,200 words in 60 seconds" in found[0].sentence
    assert too_fast.findings(person, words / 10, seconds, 2) == []
    assert too_fast.findings(person, words, 0 * seconds, 2) == []


def test_a_change_by_hand() -> None:
    """Twenty right, then ten wrong; η 0.7: (0.7 / 0.3)^10, so p = 2.1e-4."""
    votes, crowd = on_gold([True] * 20 + [False] * 10)
    crowd = Crowd(crowd.belief, np.array([0.7]), np.array([0.7]), typical=0.9)
    found = only(change.findings(votes, crowd, np.arange(30)))
    assert found.p == pytest.approx((3 / 7) ** 10)
    assert found.is_shown
    assert "Of the first 20 answers 20 agree" in found.sentence
    assert "of the newest 10 only 0." in found.sentence
    backwards = only(change.findings(votes, crowd, -np.arange(30)))
    assert not backwards.is_shown  # who has become better has done nothing wrong


def test_errors_in_common_weigh_more_than_what_is_right() -> None:
    """Two who say the same of 12 pairs: of what is right that is no wonder, of what is wrong it is:
    each errs once in ten, so b says so too once in ten, and 0.1^12 is nothing."""
    n = 12
    unit = np.concatenate([np.arange(n)] * 2)
    person = np.repeat([0, 1], n)
    votes = Votes(unit, person, np.ones(2 * n, dtype=bool), np.zeros(2 * n, dtype=np.int64))
    accuracy, trust = np.array([0.9, 0.9]), np.array([0.5, 0.5])
    same_and_right = Crowd(np.full(2 * n, 1 - 1e-6), accuracy, trust, typical=0.9)
    same_and_wrong = Crowd(np.full(2 * n, 1e-6), accuracy, trust, typical=0.9)
    assert not any(each.is_shown for each in rings.findings(votes, same_and_right))
    found = rings.findings(votes, same_and_wrong)
    assert [(each.is_shown, each.beside) for each in found] == [(True, (1,)), (True, (0,))]
    assert "12 of 12 shared pairs get the same answer" in found[0].sentence
    assert "On 12 of them both go against" in found[0].sentence
    gold = Votes(unit, person, votes.first, -np.ones(2 * n, dtype=np.int64))
    assert rings.findings(gold, same_and_wrong) == []


def test_reasons_by_hand() -> None:
    mine = [(0, f"It is helpful, honest and clear{'!' * n}") for n in range(12)]
    own = [(1, f"The answer names {'abcdefghijkl'[n] * 5} and explains it.") for n in range(12)]
    found = {each.person: each for each in copied_texts.findings([*mine, *own, (2, "ok")])}
    assert (found[0].is_shown, found[1].is_shown) == (True, False)
    assert found[0].sentence.startswith("12 of 12 reasons hold the same words as another one.")
    assert 2 not in found


# --- crowds that are known ------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_in_a_known_crowd_the_right_ones_are_shown(case: str) -> None:
    """As the benchmark finds of more: 95 % and more, of those who turn 91 %."""
    found = survey(case, rounds=CASES[case].enough, crowds=8, seed=7)
    assert found.shown >= (0.8 if case == "honest, then poison" else 0.925)
    assert found.honest <= 0.01


@pytest.mark.parametrize(("accuracy", "answers"), [(0.9, 30), (0.8, 60), (0.7, 120)])
def test_power_comes_near_the_test_that_knows_everything(accuracy: float, answers: int) -> None:
    found = power(accuracy, answers=answers, gold=0.5, overlap=20, crowds=6, seed=1)
    assert found.honest <= 0.015  # of 510 people; 1 % in the long run
    assert found.shown >= 0.88 * informed(answers, accuracy)


def test_the_informed_test_by_hand() -> None:
    """Of 30 at 0.7: P(Bin <= 14) = 0.64 %, P(Bin <= 15) = 1.7 %; P(Bin(30, ½) <= 14) = 0.4278."""
    assert informed(30, 0.7) == pytest.approx(0.4278, abs=1e-4)
    assert informed(1, 0.9) == 0.0
