"""Labels out of votes and the reliability of who votes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.aggregation import dawid_skene
from annotation.aggregation.soft_labels import (
    EQUAL,
    FIRST,
    GIVEN_BEFORE,
    MIRROR,
    MODELS,
    SECOND,
    PairVotes,
    by_crowd_bt,
    by_dawid_skene,
    strength_of,
)


def votes_of(
    rows: list[tuple[int, int, int]], weights: dict[int, float] | None = None
) -> PairVotes:
    """(pair, voter, label) each; pair u is about the responses 2u and 2u + 1."""
    pair, voter, label = np.array(rows).T
    count = int(pair.max()) + 1
    weight = np.array([(weights or {}).get(each, 1.0) for each in voter.tolist()])
    return PairVotes(pair, voter, label, weight, np.arange(count) * 2, np.arange(count) * 2 + 1)


def crowd(accuracies: list[float], pairs: int, seed: int) -> tuple[PairVotes, np.ndarray]:
    """Everybody votes on every pair, right as often as their accuracy says; and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([FIRST, SECOND], size=pairs)
    rows = []
    for voter, accuracy in enumerate(accuracies):
        right = rng.random(pairs) < accuracy
        said = np.where(right, truth, SECOND - truth)
        rows += [(u, voter, int(said[u])) for u in range(pairs)]
    return votes_of(rows), truth


def test_one_step_of_dawid_skene_by_hand() -> None:
    """Two voters on one pair, who differ: nothing tells who is right, so p is one half."""
    found = by_dawid_skene(votes_of([(0, 0, FIRST), (0, 1, SECOND)]))
    assert found.p == pytest.approx([0.5])
    assert found.strength == pytest.approx([0.0])
    assert found.reliability[0] == pytest.approx(found.reliability[1])


def test_strength_is_the_log_odds_up_to_three() -> None:
    # ln(3) for three in four; ln(99) is above 3
    assert strength_of(np.array([0.5, 0.75, 0.25, 0.99])) == pytest.approx(
        [0.0, 1.0986123, 1.0986123, 3.0]
    )


@pytest.mark.parametrize("model", MODELS)
def test_one_who_is_right_outweighs_two_who_guess(model: str) -> None:
    votes, truth = crowd([0.95, 0.95, 0.5, 0.5, 0.5, 0.5], pairs=300, seed=1)
    found = MODELS[model](votes)
    assert (found.reliability[:2] > 0.85).all()
    assert (found.reliability[2:] < 0.65).all()
    said = np.where(found.p > 0.5, FIRST, SECOND)
    share = np.bincount(votes.pair, votes.label == FIRST) / 6
    by_votes = np.where(share == 0.5, 0.5, (share > 0.5) == (truth == FIRST)).mean()
    assert (said == truth).mean() > by_votes + 0.03


@pytest.mark.parametrize("model", MODELS)
def test_the_probabilities_mean_what_they_say(model: str) -> None:
    """Of pairs with p near 0.8, the first is the better one in about 80 %."""
    votes, truth = crowd([0.8, 0.7, 0.6, 0.6, 0.5], pairs=4000, seed=2)
    p = MODELS[model](votes).p
    told = np.abs(p - truth_of(truth)).mean()
    assert told < np.abs(0.5 - truth_of(truth)).mean() - 0.1
    if model == "dawid_skene":
        for low in (0.5, 0.6, 0.7, 0.8, 0.9):
            inside = (p >= low) & (p < low + 0.1)
            if inside.sum() > 200:
                error = 3 * (0.25 / inside.sum()) ** 0.5 + 0.03
                assert truth_of(truth)[inside].mean() == pytest.approx(p[inside].mean(), abs=error)


def truth_of(truth: np.ndarray) -> np.ndarray:
    return (truth == FIRST).astype(float)


@given(st.integers(0, 1000))
def test_which_response_is_called_the_first_changes_nothing_but_the_side(seed: int) -> None:
    votes, _ = crowd([0.9, 0.7, 0.5], pairs=12, seed=seed)
    turned = PairVotes(
        votes.pair, votes.voter, SECOND - votes.label, votes.weight, votes.second, votes.first
    )
    for model in MODELS.values():
        one, other = model(votes), model(turned)
        assert other.p == pytest.approx(1 - one.p, abs=1e-4)
        assert other.reliability == pytest.approx(one.reliability, abs=1e-4)


def test_a_vote_of_weight_nothing_says_nothing() -> None:
    rows = [(u, v, FIRST if v < 2 else SECOND) for u in range(6) for v in range(3)]
    without = [row for row in rows if row[1] < 2]
    for model in MODELS.values():
        weighed = model(votes_of(rows, {2: 0.0}))
        assert weighed.p == pytest.approx(model(votes_of(without)).p, abs=1e-4)


def test_half_a_vote_counts_half() -> None:
    """Each M-step by hand: one voter, two pairs, weight ½ → two half answers beside the four."""
    found = dawid_skene.fit(
        np.array([0, 1]),
        np.array([0, 0]),
        np.array([FIRST, SECOND]),
        classes=3,
        smoothing=GIVEN_BEFORE,
        weights=np.array([0.5, 0.5]),
        mirror=MIRROR,
    )
    # symmetric: right with both; posterior t of the said class solves its own fixed point
    t = found.posterior[0, FIRST]
    other, tie = found.posterior[0, SECOND], found.posterior[0, EQUAL]
    right = (3 + 0.5 * t) / (4 + 0.5 * t + 0.5 * other)  # errors[first, first]
    assert found.errors[0, FIRST, FIRST] == pytest.approx(right, abs=1e-4)
    assert t + other + tie == pytest.approx(1.0)
    assert found.posterior[1, SECOND] == pytest.approx(t)


def test_crowd_bt_carries_strength_from_pair_to_pair() -> None:
    """a beats b, b beats c, by many; a and c never met, yet a is the better one."""
    rows = [(0, v, FIRST) for v in range(6)] + [(1, v, FIRST) for v in range(6)]
    rows += [(2, 6, EQUAL)]
    pair, voter, label = np.array(rows).T
    first, second = np.array([0, 1, 0]), np.array([1, 2, 2])
    found = by_crowd_bt(PairVotes(pair, voter, label, np.ones(len(pair)), first, second))
    assert found.p[2] > 0.9
    assert found.p[2] > found.p[0] > 0.8


@pytest.mark.parametrize("model", MODELS)
def test_no_vote_is_an_error(model: str) -> None:
    empty = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="nothing|no "):
        MODELS[model](PairVotes(empty, empty, empty, np.zeros(0), empty, empty))
