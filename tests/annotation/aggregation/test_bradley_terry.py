"""Bradley–Terry, Davidson and Plackett–Luce on published data, by hand, and against choix."""

from math import exp, log

import choix
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.aggregation import bradley_terry, plackett_luce
from annotation.aggregation.bradley_terry import NotConnected

# Stigler 1994: citations between four journals; Biometrika, Comm. Statist., JASA, JRSS-B
CITATIONS = np.array([[0, 730, 498, 221], [33, 0, 68, 17], [320, 813, 0, 142], [284, 276, 325, 0]])


def test_citations_between_journals() -> None:
    found = bradley_terry.fit(CITATIONS)
    against_first = found.values - found.values[0]
    assert against_first == pytest.approx([0, -2.9491, -0.4796, 0.2690], abs=5e-5)
    errors = found.standard_errors(reference=0)
    assert errors == pytest.approx([0, 0.10255, 0.06059, 0.07083], abs=5e-6)


def test_the_example_of_wikipedia() -> None:
    wins = np.array([[0, 2, 0, 1], [3, 0, 5, 0], [0, 3, 0, 1], [4, 0, 3, 0]])
    shares = bradley_terry.fit(wins).shares
    assert shares == pytest.approx([0.139, 0.226, 0.143, 0.492], abs=5e-4)


def test_davidson_of_two_in_closed_form() -> None:
    """40 wins, 10 losses, 20 ties: ln ratio = ln 4, ν = 20 / √(40 · 10) = 1."""
    found = bradley_terry.fit(np.array([[0, 40], [10, 0]]), np.array([[0, 20], [20, 0]]))
    assert found.values[0] - found.values[1] == pytest.approx(log(4), abs=1e-9)
    assert found.nu == pytest.approx(1.0, abs=1e-9)
    first, second = np.exp(found.values)
    total = first + second + found.nu * np.sqrt(first * second)
    assert np.array([first, second, total - first - second]) / total == pytest.approx(
        np.array([40, 10, 20]) / 70
    )


def test_the_standard_error_of_two_by_hand() -> None:
    """σ(s) = 3/4 of 100: the information is 100 · 3/4 · 1/4."""
    found = bradley_terry.fit(np.array([[0, 75], [25, 0]]))
    assert found.standard_errors(reference=1)[0] == pytest.approx((100 * 3 / 16) ** -0.5)


def test_ties_make_no_difference_to_who_is_ahead() -> None:
    """Davidson's strengths of equal ties everywhere are near those of half a win each."""
    ties = np.full((4, 4), 50) - 50 * np.eye(4)
    with_ties = bradley_terry.fit(CITATIONS, ties).values
    assert with_ties.argsort().tolist() == bradley_terry.fit(CITATIONS).values.argsort().tolist()


@given(st.permutations(range(4)))
def test_the_order_of_the_compared_does_not_matter(order: list[int]) -> None:
    renamed = bradley_terry.fit(CITATIONS[np.ix_(order, order)]).values
    assert renamed == pytest.approx(bradley_terry.fit(CITATIONS).values[order], abs=1e-8)


def test_who_never_lost_has_no_strength_unless_a_prior_bounds_it() -> None:
    wins = np.array([[0, 3], [0, 0]])
    with pytest.raises(NotConnected, match="never won, never lost"):
        bradley_terry.fit(wins)
    found = bradley_terry.fit(wins, prior=1.0).values
    assert found[0] == -found[1]
    # at the top of 3 ln σ(2 s) - s²: 3 (1 - σ(2 s)) = s
    assert 3 / (1 + exp(2 * found[0])) == pytest.approx(found[0])


def test_ties_alone_say_nothing() -> None:
    with pytest.raises(NotConnected, match="ties alone"):
        bradley_terry.fit(np.zeros((2, 2)), np.array([[0, 5], [5, 0]]))


@pytest.mark.parametrize(
    ("wins", "ties", "words"),
    [
        ([[0, 1, 2]], None, "square"),
        ([[0, -1], [1, 0]], None, "not negative"),
        ([[1, 1], [1, 0]], None, "compared with themselves"),
        ([[0, 1], [1, 0]], [[0, 1], [0, 0]], "symmetric"),
    ],
)
def test_what_are_no_counts_is_refused(wins: list, ties: list | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bradley_terry.fit(np.array(wins), None if ties is None else np.array(ties))


@pytest.mark.parametrize("seed", range(3))
def test_bradley_terry_is_that_of_choix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    wins = rng.integers(1, 30, size=(7, 7)) * (1 - np.eye(7, dtype=int))
    pairs = [(i, j) for i in range(7) for j in range(7) for _ in range(wins[i, j])]
    theirs = choix.ilsr_pairwise(7, pairs)
    assert bradley_terry.fit(wins).values == pytest.approx(theirs - theirs.mean(), abs=1e-6)


def test_far_apart_strengths_are_found() -> None:
    truth = np.linspace(-6, 6, 10)
    chance = 1 / (1 + np.exp(truth[None, :] - truth[:, None]))
    wins = 1e7 * chance * (1 - np.eye(10))
    assert bradley_terry.fit(wins).values == pytest.approx(truth, abs=1e-6)


# --- whole rankings -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_plackett_luce_is_that_of_choix(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rankings = [rng.permutation(6)[: rng.integers(2, 7)].tolist() for _ in range(80)]
    theirs = choix.ilsr_rankings(6, rankings)
    assert plackett_luce.fit(rankings, 6) == pytest.approx(theirs - theirs.mean(), abs=1e-6)


def test_rankings_of_two_are_bradley_terry() -> None:
    rankings = [(i, j) for i in range(4) for j in range(4) for _ in range(CITATIONS[i, j])]
    found = plackett_luce.fit(rankings, 4)
    assert found == pytest.approx(bradley_terry.fit(CITATIONS).values, abs=1e-6)


def test_rankings_that_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="once"):
        plackett_luce.fit([[0, 1, 0]], 2)
    with pytest.raises(NotConnected, match="never came before"):
        plackett_luce.fit([[0, 1, 2]], 3)
