"""The same answer again and again: the chances exactly, and who is found."""

from itertools import groupby, product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.bias.straight_lining import most_p, run_p, straight_lining


def longest(answers: tuple[int, ...]) -> int:
    return max(len(list(run)) for _, run in groupby(answers))


@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=3),
    st.integers(1, 7),
)
def test_the_chance_of_a_run_is_that_of_all_sequences(counts: list[int], run: int) -> None:
    n = min(sum(counts), 7)
    shares = [each / n for each in counts] if sum(counts) == n else [1 / len(counts)] * len(counts)
    given_ = np.array([counts if sum(counts) == n else [1] * len(counts)])
    n = int(given_.sum())
    expected = sum(
        prod(shares[each] for each in answers)
        for answers in product(range(len(counts)), repeat=n)
        if longest(answers) >= run
    )
    assert run_p(given_, np.array([n]), np.array([run]))[0] == pytest.approx(expected, abs=1e-12)


def test_three_heads_in_four_by_hand() -> None:
    """Of the 16 sequences HHHT, HHHH, THHH, and the same of tails: 6 of 16."""
    assert run_p(np.array([[2, 2]]), np.array([4]), np.array([3]))[0] == pytest.approx(6 / 16)


def test_people_of_different_length_are_taken_together() -> None:
    counts = np.array([[2, 2], [3, 5], [50, 50]])
    runs = np.array([3, 4, 9])
    together = run_p(counts, counts.sum(axis=1), runs)
    alone = [run_p(counts[[n]], counts[[n]].sum(axis=1), runs[[n]])[0] for n in range(3)]
    assert together.tolist() == pytest.approx(alone)


def test_the_bound_of_the_most_frequent_by_hand() -> None:
    """3 of 3 beside 50 and 50: with q = 51/102 each, twice ½³; nobody else, nothing to say."""
    counts = np.array([[3, 0], [47, 50]])
    assert most_p(counts, counts.sum(axis=1))[0] == pytest.approx((48 / 99) ** 3 + (51 / 99) ** 3)
    assert most_p(counts[:1], np.array([3]))[0] == 1.0


def crowd(rng: np.random.Generator, people: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    who = np.repeat(np.arange(people), each)
    return who, rng.choice(7, size=len(who), p=[0.1, 0.2, 0.15, 0.1, 0.15, 0.2, 0.1])


def nothing_rated(said: np.ndarray) -> np.ndarray:
    return np.full(len(said), -1)


def test_who_always_clicks_the_same_is_found_and_nobody_else() -> None:
    rng = np.random.default_rng(0)
    who, said = crowd(rng, 30, 80)
    said[who == 7] = 2
    # half the time asleep on one key
    said[np.flatnonzero(who == 9)[:30]] = 5
    found = straight_lining(who, said, nothing_rated(said))
    assert {n: each.reasons for n, each in found.items() if each.reasons} == {
        7: ["one answer"],
        9: ["a long run"],
    }
    assert (found[7].most, found[7].run, found[7].answer, found[7].share) == (80, 80, 2, 1.0)


def test_a_habit_of_mild_words_is_no_straight_line() -> None:
    """Only ever “slightly better”, left and right by chance: unlike the crowd, but read."""
    rng = np.random.default_rng(1)
    who, said = crowd(rng, 30, 200)
    said[who == 3] = rng.choice([2, 4], size=200)
    found = straight_lining(who, said, nothing_rated(said))[3]
    assert found.most_p < 0.05
    assert found.reasons == []


def test_flat_ratings_are_compared_with_the_others() -> None:
    rng = np.random.default_rng(2)
    who, said = crowd(rng, 10, 40)
    flat = (rng.random(len(who)) < 0.1).astype(np.int64)
    flat[who == 4] = 1
    found = straight_lining(who, said, flat)
    assert [n for n, each in found.items() if each.reasons] == [4]
    assert (found[4].flat, found[4].rated, found[4].reasons) == (40, 40, ["flat ratings"])


def test_of_readers_alone_one_crowd_of_twenty_is_wrongly_accused_at_most() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(100):
        who, said = crowd(rng, 12, 40)
        found = straight_lining(who, said, nothing_rated(said))
        wrong += any(each.p < 0.05 for each in found.values())
    assert wrong <= 8


def test_rare_answers_are_like_no_other() -> None:
    """More different answers than are told apart: nobody stands out by them."""
    said = np.arange(4000)
    found = straight_lining(np.arange(4000) % 4, said, nothing_rated(said))
    assert all(not each.reasons and each.run == 1 for each in found.values())


def test_nobody_answered() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    assert straight_lining(nothing, nothing, nothing) == {}
