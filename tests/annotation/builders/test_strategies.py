"""What each strategy would ask first: by hand."""

from collections import Counter
from math import pi, sqrt
from pathlib import Path
from random import Random

import pytest

from annotation import builders
from annotation.builders import (
    STRATEGIES,
    hard_negatives,
    same_policy,
    several_sources,
    uncertainty,
)
from annotation.builders.candidates import DRAWS, Candidate, Group


def candidates(*scores: float | None, source: str = "one") -> list[Candidate]:
    return [Candidate(n, source, f"text {n}", score) for n, score in enumerate(scores)]


def numbers(group: Group) -> list[int]:
    return [member.response for member in group.members]


def test_every_strategy_is_listed() -> None:
    modules = {path.stem for path in Path(builders.__file__).parent.glob("*.py")}
    assert modules - {"__init__", "candidates"} == set(STRATEGIES)


@pytest.mark.parametrize("slug", STRATEGIES)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_every_group_has_k_different_responses(slug: str, k: int) -> None:
    pool = [Candidate(n, f"source {n % 3}", f"text {n}", score=float(n * n % 7)) for n in range(9)]
    groups = list(STRATEGIES[slug].groups(pool, k, Random(1)))
    assert groups
    for group in groups:
        assert len(set(numbers(group))) == k
        assert set(group.members) <= set(pool)


def test_equal_texts_among_the_best_do_not_keep_the_search_busy() -> None:
    twins = [Candidate(n, "one", "the same", score=9.0) for n in (0, 1)]
    rest = [Candidate(n, "one", f"text {n}", score=8.0 - n / 10) for n in range(2, 64)]
    groups = list(hard_negatives.groups([*twins, *rest], 9, Random(1)))
    assert 0 < len(groups) <= DRAWS
    assert not any({0, 1} <= set(numbers(group)) for group in groups)


@pytest.mark.parametrize("slug", STRATEGIES)
def test_too_few_responses_give_no_group(slug: str) -> None:
    assert list(STRATEGIES[slug].groups(candidates(1.0), 2, Random(1))) == []
    assert list(STRATEGIES[slug].groups([], 2, Random(1))) == []


@pytest.mark.parametrize("slug", [s for s in STRATEGIES if STRATEGIES[s].NEEDS_SCORES])
def test_what_has_no_score_is_left_out(slug: str) -> None:
    groups = STRATEGIES[slug].groups(candidates(1.0, None, 3.0), 2, Random(1))
    assert [sorted(numbers(group)) for group in groups] == [[0, 2]]


def test_at_random_every_pair_is_as_likely() -> None:
    firsts = Counter(
        frozenset(numbers(next(STRATEGIES["random"].groups(candidates(1, 2, 3, 4), 2, draw))))
        for draw in map(Random, range(3000))
    )
    assert len(firsts) == 6
    # 3000 draws of 1 in 6: 500 each, standard deviation 20.4.
    assert all(400 < count < 600 for count in firsts.values())


def test_one_source_meets_itself_and_several_meet_each_other() -> None:
    pool = [Candidate(n, source, f"text {n}") for n, source in enumerate("aabbbc")]
    same = list(same_policy.groups(pool, 2, Random(3)))
    assert {frozenset(m.source for m in group.members) for group in same} == {
        frozenset("a"),
        frozenset("b"),
    }
    assert len(same) == 1 + 3
    for group in several_sources.groups(pool, 3, Random(3)):
        assert {member.source for member in group.members} == {"a", "b", "c"}
    assert list(several_sources.groups(pool, 4, Random(3))) == []


def test_the_best_meets_what_comes_closest() -> None:
    first, second, *_ = hard_negatives.groups(candidates(0.0, 5.0, 4.5, 1.0), 2, Random(1))
    assert (numbers(first), first.gain) == ([1, 2], -0.5)
    assert (numbers(second), second.gain) == ([1, 3], -4.0)
    three = next(hard_negatives.groups(candidates(0.0, 5.0, 4.5, 1.0), 3, Random(1)))
    assert (numbers(three), three.gain) == ([1, 2, 3], -4.0)


def test_the_undecided_pair_comes_first_wherever_it_stands() -> None:
    groups = list(uncertainty.groups(candidates(0.0, 5.0, 0.2, 3.0), 2, Random(1)))
    assert sorted(numbers(groups[0])) == [0, 2]
    assert groups[0].gain == pytest.approx(-0.2)
    assert len(groups) == 6
    assert [group.gain for group in groups] == sorted((g.gain for g in groups), reverse=True)


def test_an_ensemble_at_odds_is_undecided() -> None:
    sure = (Candidate(0, "one", "a", 0.0, 0.0), Candidate(1, "one", "b", 1.0, 0.0))
    torn = (Candidate(2, "one", "c", 4.0, 3.0), Candidate(3, "one", "d", 5.2, 4.0))
    assert uncertainty.margin(*torn) == pytest.approx(1.2 / sqrt(1 + 25 * pi / 8))
    first = next(uncertainty.groups([*sure, *torn], 2, Random(1)))
    assert sorted(numbers(first)) == [2, 3]


def test_more_than_two_are_neighbours_by_score() -> None:
    first = next(uncertainty.groups(candidates(9.0, 0.0, 1.0, 8.9, 8.7), 3, Random(1)))
    assert sorted(numbers(first)) == [0, 3, 4]
    # The pairs are 0.1, 0.2 and 0.3 apart.
    assert first.gain == pytest.approx(-0.2)
