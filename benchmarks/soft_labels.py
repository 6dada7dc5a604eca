"""Soft labels against majority votes: what a reward model learns from a crowd with bad annotators.

    python -m benchmarks.soft_labels [--seeds 10]

The truth is a hidden worth of each word; the better response is the one worth more. 20 annotators
give three answers to each of 600 pairs. Honest ones are right in 85 %; of bad ones half draw lots,
a quarter always prefer what is shown first, a quarter what is longer. The same engine trains the
same random model of two layers on each kind of label, and is measured on 1,000 pairs by the truth.

For each share of bad annotators the gain over majority votes is paired by seed: the same pairs,
answers and starting weights. What is asked for, of Dawid–Skene: with 40 % bad ones the gain's 95 %
interval (t, over seeds) lies above 0, and with none the loss is at most one point. Crowd-BT has
little to go by here, where each response stands in one pair alone.
"""

import argparse
import math
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import t

from annotation.aggregation.soft_labels import FIRST, MODELS, SECOND, PairVotes, SoftLabels
from tests.training.engine import runs
from tests.training.engine.tiny import make_tiny_llama

PAIRS, TEST_PAIRS, PEOPLE, ANSWERS = 600, 1000, 20, 3
HONEST = 0.85
SHARES = (0.0, 0.2, 0.4)
CONFIG = {"batch_size": 8, "learning_rate": 1e-3, "epochs": 2, "checkpoint_every": 0}
MAJORITY = "majority"


@dataclass(frozen=True)
class Pair:
    texts: tuple[str, str]
    truth: int  # FIRST or SECOND


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soft_labels", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    kinds = [MAJORITY, *MODELS]
    print(f"{PAIRS} pairs, {ANSWERS} answers each, {PEOPLE} people, {options.seeds} seeds")
    print("held-out accuracy of the reward model; gain over majority votes with 95 % interval")
    jobs = [(share, seed) for share in SHARES for seed in range(options.seeds)]
    with ProcessPoolExecutor(options.processes) as pool:
        found = dict(zip(jobs, pool.map(measure, *zip(*jobs, strict=True)), strict=True))
    print("bad annotators | " + " | ".join(f"{kind:>12} labels right, model" for kind in kinds))
    for share in SHARES:
        rows = [found[share, seed] for seed in range(options.seeds)]
        cells = []
        for n, kind in enumerate(kinds):
            right, learnt = (np.array([row[n][k] for row in rows]) for k in (0, 1))
            cell = f"{right.mean():.3f}, {learnt.mean():.4f}"
            if kind != MAJORITY:
                cell += f" ({in_points(learnt - np.array([row[0][1] for row in rows]))})"
            cells.append(cell)
        print(f"{share:14.0%} | " + " | ".join(cells), flush=True)


def in_points(gains: np.ndarray) -> str:
    """The mean gain in points of accuracy and its 95 % interval over the seeds."""
    mean, count = gains.mean(), len(gains)
    reach = float(t.ppf(0.975, count - 1)) * gains.std(ddof=1) / math.sqrt(count)
    return f"{100 * mean:+.2f}, {100 * (mean - reach):+.2f} … {100 * (mean + reach):+.2f}"


def measure(share: float, seed: int) -> list[tuple[float, float]]:
    """Of each kind of label: how many are right, and how well its reward model tells the truth."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    worth = dict(zip(runs.WORDS, rng.permutation(np.linspace(-1, 1, len(runs.WORDS))), strict=True))
    pairs, held_out = (draw_pairs(rng, worth, n) for n in (PAIRS, TEST_PAIRS))
    votes = crowd(rng, pairs, share)
    truth = np.array([pair.truth for pair in pairs])
    results = []
    with tempfile.TemporaryDirectory() as folder:
        model = make_tiny_llama(Path(folder) / "model", seed)
        for kind, label in labellers().items():
            p = label(votes)
            decided = np.where(p > 0.5, FIRST, SECOND)
            right = np.where(p == 0.5, 0.5, decided == truth).mean()
            run = runs.make_run(
                Path(folder) / kind,
                "reward",
                {"policy": model},
                {**CONFIG, "seed": seed},
                train=rows_of(pairs, p, start=1),
                test=rows_of(held_out, [float(x.truth == FIRST) for x in held_out], start=10_000),
            )
            runs.carry_out(run)
            results.append((float(right), float(runs.result(run)["test_accuracy"])))
    return results


def labellers() -> dict[str, Callable[[PairVotes], Any]]:
    """p of the first response of each pair, by what the votes become."""
    return {MAJORITY: by_majority} | {name: partial(_soft, model) for name, model in MODELS.items()}


def by_majority(votes: PairVotes) -> np.ndarray:
    share = np.bincount(votes.pair, votes.label == FIRST) / np.bincount(votes.pair)
    return np.where(share == 0.5, 0.5, share > 0.5).astype(float)


def _soft(model: Callable[[PairVotes], SoftLabels], votes: PairVotes) -> np.ndarray:
    return model(votes).p


def draw_pairs(rng: np.random.Generator, worth: dict[str, float], count: int) -> list[Pair]:
    pairs = []
    while len(pairs) < count:
        texts = [rng.choice(runs.WORDS, size=rng.integers(3, 8)).tolist() for _ in range(2)]
        values = [sum(worth[word] for word in text) for text in texts]
        if values[0] != values[1]:
            truth = FIRST if values[0] > values[1] else SECOND
            pairs.append(Pair((" ".join(texts[0]), " ".join(texts[1])), truth))
    return pairs


def crowd(rng: np.random.Generator, pairs: Sequence[Pair], share: float) -> PairVotes:
    """Everybody's answers; the bad ones are the last of the people."""
    bad = round(share * PEOPLE)
    rows = []
    for u, pair in enumerate(pairs):
        for voter in rng.choice(PEOPLE, size=ANSWERS, replace=False).tolist():
            rows.append((u, voter, answer(rng, pair, PEOPLE - 1 - voter, bad)))
    table = np.array(rows, dtype=np.int64)
    first = np.arange(len(pairs)) * 2
    return PairVotes(*table.T, weight=np.ones(len(table)), first=first, second=first + 1)


def answer(rng: np.random.Generator, pair: Pair, number: int, bad: int) -> int:
    """What somebody says; those numbered below `bad` are no honest annotators."""
    if number >= bad:
        return pair.truth if rng.random() < HONEST else SECOND - pair.truth
    if number % 4 == 3:
        return FIRST if len(pair.texts[0]) >= len(pair.texts[1]) else SECOND
    # lots, or always what is shown first: the order is drawn, so both are the same to a pair
    return FIRST if rng.random() < 0.5 else SECOND


def rows_of(pairs: Sequence[Pair], p: Sequence[float], start: int) -> list[dict[str, Any]]:
    return [
        runs.make_row(start + n, list(pair.texts), [runs.prefer(0, 1, p=float(of_pair))])
        for n, (pair, of_pair) in enumerate(zip(pairs, p, strict=True))
    ]


if __name__ == "__main__":
    main()
