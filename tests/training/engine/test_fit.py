import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from tests.training.engine import runs
from training.engine import fit
from training.engine.data import Group, Pair, TreeBatch
from training.engine.fit import Clock, Stopped, evaluate_pairs
from training.engine.rundir import RunDir

CPU = torch.device("cpu")


def make_group(number: int, root: str, pairs: list[Pair]) -> Group:
    return Group(number, [5, 6], [[7, 2], [8, 9, 2], [10, 2]], pairs, [0, 1, 2], root)


GROUPS = [
    make_group(1, "x", [Pair(0, 1, 1.0), Pair(0, 2, 0.5, 0.0)]),
    make_group(2, "x", [Pair(1, 2, 0.0, 1.0, 3.0)]),
    make_group(3, "y", [Pair(2, 0, 0.75)]),
]


def logits_of_two(batch: TreeBatch, groups: Sequence[Group]) -> torch.Tensor:
    return torch.full((len(batch.pairs),), 2.0)


def test_evaluation_counts_pairs_roots_and_ties_as_it_says(tmp_path: Path) -> None:
    result = evaluate_pairs(RunDir(tmp_path), GROUPS, 2, logits_of_two, CPU)
    # decided pairs: right (x), wrong (x), right (y); the tie is in the loss alone
    assert result["test_n"] == 3
    assert result["test_accuracy"] == pytest.approx(2 / 3)
    assert result["test_roots"] == 2
    assert result["test_accuracy_by_root"] == pytest.approx((1 / 2 + 1) / 2)
    # residual sums by root: 1/3 − 2/3 = −1/3 and 1/3; √(2/1 · 2/9) / 3
    assert result["test_accuracy_se"] == pytest.approx(math.sqrt(2 * 2 / 9) / 3)
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    total = right + (right + wrong) / 2 + 3 * wrong + 0.75 * right + 0.25 * wrong
    assert result["test_loss"] == pytest.approx(total / 6, abs=1e-6)
    (last,) = runs.events(tmp_path, 1, "phase")[-1:]
    assert (last["name"], last["done"], last["total"]) == ("evaluate", 2, 2)


def test_nothing_is_claimed_about_an_empty_test_split(tmp_path: Path) -> None:
    assert evaluate_pairs(RunDir(tmp_path), [], 2, logits_of_two, CPU) == {"test_n": 0}
    tie = [make_group(1, "x", [Pair(0, 1, 0.5, 0.0)])]
    result = evaluate_pairs(RunDir(tmp_path), tie, 2, logits_of_two, CPU)
    assert result.keys() == {"test_n", "test_loss"}


def test_an_evaluation_stops_when_asked(tmp_path: Path) -> None:
    (tmp_path / "stop").touch()
    with pytest.raises(Stopped):
        evaluate_pairs(RunDir(tmp_path), GROUPS, 2, logits_of_two, CPU)


def test_a_phase_reports_once_a_second_with_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(fit.time, "monotonic", lambda: now[0])
    clock = Clock(RunDir(tmp_path), "train", total=20, done=4)
    for done in range(5, 21):
        now[0] += 0.5
        clock.tick(done)
    events = runs.events(tmp_path, 1, "phase")
    assert [event["done"] for event in events] == [4, 6, 8, 10, 12, 14, 16, 18, 20]
    assert [event["eta_seconds"] for event in events][:3] == [None, 7.0, 6.0]
    assert events[-1]["eta_seconds"] == 0.0
