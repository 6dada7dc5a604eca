"""Dawid & Skene's own data, and crowds whose truth is known."""

import numpy as np
import pytest

from annotation.aggregation import crowd_bt, dawid_skene

# Table 1 of the paper: 45 patients, five anaesthetists; the first saw each patient three times
PATIENTS = """
111 1 1 1 1|333 4 3 3 4|112 2 1 2 2|222 3 1 2 1|222 3 2 2 2
222 3 3 2 2|122 2 1 1 1|333 3 4 3 3|222 2 2 2 3|232 2 2 2 3
444 4 4 4 4|222 3 3 4 3|111 1 1 1 1|222 3 2 1 2|121 1 1 1 1
111 2 1 1 1|111 1 1 1 1|111 1 1 1 1|222 2 2 2 1|222 1 3 2 2
222 2 2 2 2|222 2 2 2 1|222 3 2 2 2|221 2 2 2 2|111 1 1 1 1
111 1 1 1 1|232 2 2 2 2|111 1 1 1 1|111 1 1 1 1|112 1 1 2 1
111 1 1 1 1|333 3 2 3 3|111 1 1 1 1|222 2 2 2 2|222 3 2 3 2
433 4 3 4 3|221 2 2 3 2|232 3 2 3 3|333 3 4 3 2|111 1 1 1 1
111 1 1 1 1|121 2 1 1 1|232 2 2 2 2|121 1 1 1 1|222 2 2 2 2
"""


def anaesthetists() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = PATIENTS.strip().replace("\n", "|").split("|")
    assert len(rows) == 45
    answers = [
        (patient, observer, int(grade) - 1)
        for patient, row in enumerate(rows)
        for observer, grades in enumerate(row.split())
        for grade in grades
    ]
    items, annotators, labels = np.array(answers).T
    return items, annotators, labels


def test_the_anaesthetists() -> None:
    items, annotators, labels = anaesthetists()
    found = dawid_skene.fit(items, annotators, labels, classes=4, smoothing=0.0)
    assert found.prior == pytest.approx([0.3996, 0.4220, 0.1118, 0.0667], abs=5e-4)
    first = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]
    assert found.errors[0] == pytest.approx(np.array(first), abs=6e-3)
    assert found.log_likelihood == pytest.approx(-192.8909, abs=1e-3)
    grades = found.posterior.argmax(axis=1)
    assert np.bincount(grades).tolist() == [18, 19, 5, 3]
    votes = np.zeros((45, 4))
    np.add.at(votes, (items, labels), 1)
    # patient 12 has three votes for 2 and three for 3; the majority is given to the lower grade
    assert (np.flatnonzero(votes.argmax(axis=1) != grades) + 1).tolist() == [2, 12, 36]


def test_each_step_of_em_by_hand() -> None:
    """Two items, two annotators, all agree: truth is what they say, and nobody errs."""
    items, annotators, labels = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]]).T
    found = dawid_skene.fit(items, annotators, labels, classes=2, smoothing=0.0)
    assert found.posterior == pytest.approx(np.eye(2))
    assert found.errors == pytest.approx(np.array([np.eye(2), np.eye(2)]))
    assert found.log_likelihood == pytest.approx(2 * np.log(0.5))


def crowd(seed: int, accuracy: list[float], items: int = 400):
    """Binary truth, and each annotator's label of each item."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, size=items)
    right = rng.random((items, len(accuracy))) < np.array(accuracy)
    said = np.where(right, truth[:, None], 1 - truth[:, None])
    at, who = np.indices(said.shape)
    return truth, at.ravel(), who.ravel(), said.ravel()


def test_good_annotators_outweigh_a_majority_of_bad_ones() -> None:
    accuracy = [0.95, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5]
    truth, items, annotators, labels = crowd(0, accuracy)
    found = dawid_skene.fit(items, annotators, labels, classes=2)
    votes = np.bincount(items, labels, minlength=len(truth)) > 3.5
    by_votes = (votes == truth).mean()
    by_model = (found.posterior.argmax(axis=1) == truth).mean()
    assert by_model > 0.93
    assert by_votes < 0.87
    seen = found.errors[:, [0, 1], [0, 1]].mean(axis=1)
    assert seen == pytest.approx(accuracy, abs=0.06)


def test_names_of_items_and_annotators_do_not_matter() -> None:
    truth, items, annotators, labels = crowd(1, [0.9, 0.7, 0.6])
    found = dawid_skene.fit(items, annotators, labels, classes=2)
    rng = np.random.default_rng(0)
    shuffle = rng.permutation(len(items))
    other = dawid_skene.fit(
        (len(truth) - 1 - items)[shuffle], (2 - annotators)[shuffle], labels[shuffle], classes=2
    )
    assert other.posterior[::-1] == pytest.approx(found.posterior, abs=1e-6)
    assert other.errors[::-1] == pytest.approx(found.errors, abs=1e-6)


def test_without_answers_there_is_nothing_to_learn() -> None:
    nothing = np.zeros(0, dtype=np.intp)
    with pytest.raises(ValueError, match="no answers"):
        dawid_skene.fit(nothing, nothing, nothing, classes=2)
    with pytest.raises(ValueError, match="no votes"):
        crowd_bt.fit(nothing, nothing, np.zeros(0), nothing, responses=2, people=1)


# --- Crowd-BT -------------------------------------------------------------------------------------

ETA = [0.95, 0.9, 0.85, 0.5, 0.5, 0.1]


def votes_of(seed: int, count: int = 3000):
    """Votes on pairs of twelve responses by annotators of known reliability."""
    rng = np.random.default_rng(seed)
    strengths = np.linspace(-2, 2, 12)
    first, second = np.array([rng.choice(12, 2, replace=False) for _ in range(count)]).T
    who = rng.integers(0, len(ETA), size=count)
    sees = rng.random(count) < 1 / (1 + np.exp(strengths[second] - strengths[first]))
    is_honest = rng.random(count) < np.array(ETA)[who]
    return strengths, first, second, np.where(is_honest, sees, ~sees).astype(float), who


def test_crowd_bt_finds_who_is_reliable_and_what_is_better() -> None:
    strengths, first, second, wins, who = votes_of(0)
    found = crowd_bt.fit(first, second, wins, who, responses=12, people=len(ETA))
    assert found.reliability == pytest.approx(ETA, abs=0.12)
    assert np.corrcoef(found.strengths, strengths)[0, 1] > 0.97
    preferred = found.preferred(np.array([11]), np.array([0]))
    assert preferred[0] > 0.9


def test_crowd_bt_is_at_the_top() -> None:
    """Its gradient there is nothing: no step to any side is likelier."""
    _, first, second, wins, who = votes_of(1, count=200)
    found = crowd_bt.fit(first, second, wins, who, responses=12, people=len(ETA))

    def posterior(s: np.ndarray, eta: np.ndarray) -> float:
        better = 1 / (1 + np.exp(s[second] - s[first]))
        chance = eta[who] * better + (1 - eta[who]) * (1 - better)
        likelihood = (wins * np.log(chance) + (1 - wins) * np.log(1 - chance)).sum()
        of_eta = (3 * np.log(eta) + np.log(1 - eta)).sum()
        return float(likelihood - 0.05 * (s**2).sum() + of_eta)

    best = posterior(found.strengths, found.reliability)
    rng = np.random.default_rng(0)
    for _ in range(50):
        s = found.strengths + 0.02 * rng.normal(size=12)
        eta = np.clip(found.reliability + 0.01 * rng.normal(size=len(ETA)), 0.01, 0.99)
        assert posterior(s, eta) < best + 1e-4


def test_the_swap_of_a_pair_does_not_matter_to_crowd_bt() -> None:
    _, first, second, wins, who = votes_of(2, count=500)
    one = crowd_bt.fit(first, second, wins, who, responses=12, people=len(ETA))
    other = crowd_bt.fit(second, first, 1 - wins, who, responses=12, people=len(ETA))
    assert other.strengths == pytest.approx(one.strengths, abs=2e-2)
    assert other.reliability == pytest.approx(one.reliability, abs=1e-2)
