"""A crowd whose every member is known, to see what the patterns find and whom they wrong.

Each person answers `rounds` pairs, each together with others drawn anew; a share of the pairs is
gold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from annotation.suspicion.crowd import Flags, Floats, Ints, Votes

WORDS = 150  # of the two responses
STOCK = ("The left one is clear and helpful.", "More accurate and more complete.")
READING = (4.0, 0.5)  # words a second: median, and spread of the logarithm
SKIMMING = (25.0, 0.5)
SLIP = 0.05  # how often somebody forgets their habit


@dataclass(frozen=True)
class Seen:
    """What one person is asked, in their order (R,): whether the first response is the better one,
    whether it stands on the left, whether it is the longer one, and which pair it is."""

    better: Flags
    left: Flags
    longer: Flags
    unit: Ints


# What somebody says: whether the first is preferred (R,).
Behaviour = Callable[[np.random.Generator, Seen], Flags]


def honest(accuracy: float) -> Behaviour:
    """Right so often."""
    return lambda rng, seen: np.equal(seen.better, rng.random(len(seen.better)) < accuracy)


def draws_lots(rng: np.random.Generator, seen: Seen) -> Flags:
    return rng.random(len(seen.better)) < 0.5


def always_left(rng: np.random.Generator, seen: Seen) -> Flags:
    return np.equal(seen.left, rng.random(len(seen.left)) >= SLIP)


def always_longer(rng: np.random.Generator, seen: Seen) -> Flags:
    return np.equal(seen.longer, rng.random(len(seen.longer)) >= SLIP)


def then_poison(accuracy: float, after: float = 0.5) -> Behaviour:
    """Honest for this share of the answers, then the opposite on purpose."""

    def says(rng: np.random.Generator, seen: Seen) -> Flags:
        right: Flags = seen.better == (rng.random(len(seen.better)) < accuracy)
        turned: Flags = np.arange(len(right)) >= after * len(right)
        return right ^ turned

    return says


def in_ring(key: int) -> Behaviour:
    """Says what the ring's key says of the pair, which knows nothing of what is better."""

    def says(rng: np.random.Generator, seen: Seen) -> Flags:
        bits: Flags = (seen.unit * 2_654_435_761 + key) % 4_294_967_291 % 2 == 0
        return bits

    return says


@dataclass(frozen=True)
class Simulated:
    """Votes in everybody's order of time; for each (N,) whether the left one was preferred, whether
    the first is the longer one, words read a second, and the reason that was given."""

    votes: Votes
    left: Flags
    first_longer: Flags
    speed: Floats
    reasons: list[str]


def simulate(
    people: Sequence[Behaviour],
    *,
    rounds: int,
    overlap: int,
    gold: float,
    seed: int,
    hurried: Sequence[int] = (),
    copying: Sequence[int] = (),
) -> Simulated:
    """Everybody answers `rounds` pairs beside about `overlap` - 1 others; a share of them is gold.
    The hurried skim, those who copy give the same few reasons."""
    rng = np.random.default_rng(seed)
    count = len(people)
    groups = -(-count // overlap)
    drawn = rng.permuted(np.tile(np.arange(count), (rounds, 1)), axis=1)
    group = np.empty_like(drawn)
    np.put_along_axis(group, drawn, np.arange(count)[None] % groups, axis=1)
    unit = (group + np.arange(rounds)[:, None] * groups).T  # (K, R)
    units = rounds * groups
    better, longer = rng.random(units) < 0.5, rng.random(units) < 0.5
    truth = np.where(better, 1, -1) * (rng.random(units) < gold)
    left = rng.random(unit.shape) < 0.5
    first = np.array(
        [
            says(rng, Seen(better[unit[k]], left[k], longer[unit[k]], unit[k]))
            for k, says in enumerate(people)
        ]
    )
    speed = rng.lognormal(np.log(READING[0]), READING[1], unit.shape)
    for k in hurried:
        speed[k] = rng.lognormal(np.log(SKIMMING[0]), SKIMMING[1], rounds)
    flat = unit.ravel()
    return Simulated(
        votes=Votes(flat, np.repeat(np.arange(count), rounds), first.ravel(), truth[flat]),
        left=(first == left).ravel(),
        first_longer=longer[flat],
        speed=speed.ravel(),
        reasons=[
            STOCK[number % len(STOCK)] if k in copying else _own_reason(rng)
            for k in range(count)
            for number in range(rounds)
        ],
    )


def _own_reason(rng: np.random.Generator) -> str:
    """Words of five letters, which hardly ever come twice."""
    letters = rng.integers(ord("a"), ord("z") + 1, size=(5, 5), dtype=np.uint8)
    return " ".join(word.tobytes().decode() for word in letters)
