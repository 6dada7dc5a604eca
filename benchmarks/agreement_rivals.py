"""The same statistics by the packages that have them, on the same judgements: time and value.

Both sides start from arrays or tables in the shape they take; what it costs to bring the answers
into that shape is not counted for either.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import choix
import krippendorff as krippendorff_package
import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene
from statsmodels.stats.inter_rater import fleiss_kappa

from annotation.aggregation import bradley_terry, dawid_skene
from annotation.agreement import fleiss, krippendorff
from annotation.agreement.measure import measure
from annotation.agreement.tables import CountTable
from annotation.agreement.units import Judgements, count_table
from annotation.comparisons import Comparisons

STEPS = 20  # of EM, of both sides, whatever they would do to converge


def compare(said: Judgements, compared: Comparisons) -> None:
    """Print a line for each."""
    everything = np.ones(len(said), dtype=np.bool_)
    cells = said.cells()
    alpha = partial(krippendorff.compute, metric="nominal")

    def table() -> CountTable:
        return count_table(said.where(everything))  # of which nothing is known yet

    counts = table()
    line(
        "Krippendorff’s α with its count table, krippendorff",
        lambda: float(alpha(table(), counts.items[None])[0]),
        lambda: krippendorff_package.alpha(value_counts=cells, level_of_measurement="nominal"),
    )
    _, taken = timed(lambda: measure(alpha, counts))
    print(f"    its interval of 1,000 bootstrap draws {taken:.3f} s; theirs has none")
    line(
        "Fleiss’ κ with its count table, statsmodels",
        lambda: float(fleiss.compute(table(), counts.items[None])[0]),
        lambda: fleiss_kappa(cells),
    )
    wins = wins_of(compared)
    line(
        f"Bradley–Terry of {len(wins)} sources, choix",
        lambda: spread(bradley_terry.fit(wins).values),
        lambda: spread(choix.ilsr_pairwise_dense(wins)),
    )
    _compare_dawid_skene(said)


def wins_of(compared: Comparisons) -> np.ndarray:
    """How often each source was preferred to each other one, ties as halves."""
    both = np.concatenate([compared.first_source, compared.second_source])
    names, place = np.unique(both, return_inverse=True)
    first, second = np.split(place, 2)
    told = first != second
    wins = np.zeros((len(names), len(names)))
    np.add.at(wins, (first[told], second[told]), compared.won[told])
    np.add.at(wins, (second[told], first[told]), (compared.count - compared.won)[told])
    return wins


def spread(strengths: np.ndarray) -> float:
    """One number that both sides' strengths must share."""
    return float(strengths.max() - strengths.min())


def _compare_dawid_skene(said: Judgements) -> None:
    voter = np.unique(said.person, return_inverse=True)[1]
    frame = pd.DataFrame({"task": said.place, "worker": voter, "label": said.value})
    classes = len(said.scale)

    def ours() -> float:
        found = dawid_skene.fit(
            said.place, voter, said.value, classes=classes, smoothing=1e-9, steps=STEPS
        )
        return float(found.posterior.max(axis=1).mean())

    def theirs() -> float:
        found = DawidSkene(n_iter=STEPS, tol=0.0).fit(frame)
        return float(found.probas_.to_numpy().max(axis=1).mean())

    line(f"Dawid–Skene, {STEPS} steps, crowd-kit", ours, theirs)


def line(name: str, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    one, taken = timed(ours)
    other, rival = timed(theirs)
    print(
        f"{name}: {taken:.4f} s against {rival:.4f} s: {rival / taken:.1f}×"
        f"   {one:.6f} and {other:.6f}",
        flush=True,
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and the median time of five calls, or of as many as begin within 2 s: the
    first one of a kind also wakes threads."""
    taken: list[float] = []
    while len(taken) < 5 and sum(taken) < 2:
        began = time.perf_counter()
        found = work()
        taken.append(time.perf_counter() - began)
    return found, statistics.median(taken)
