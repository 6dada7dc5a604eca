"""How many to take of each category, so that shares move towards their targets.

With P items present, p_c of them of category c, and n more to be built, category c lacks

    d_c = max(0, t_c · (P + n) − p_c)

until its share is t_c. The n are divided in proportion to what each lacks, none gets more than it
lacks or than there is, and what one cannot take goes to the others. Fractions are rounded by the
largest remainder (Hamilton 1792).
"""

from collections.abc import Mapping
from math import ceil, floor, fsum

NEARLY = 1e-9  # below this, a difference is one of floating point


def quotas(
    present: Mapping[str, int],
    targets: Mapping[str, float],
    available: Mapping[str, int],
    count: int,
) -> dict[str, int]:
    """{category: how many to take}, `count` in all or fewer.

    Only what has a target is taken; shares that sum to less than 1 leave the rest to whoever asks.
    Raises ValueError for a share below 0, shares above 1 in all, or a negative number.
    """
    if any(share < 0 for share in targets.values()) or fsum(targets.values()) > 1 + NEARLY:
        raise ValueError("target shares lie between 0 and 1, and sum to at most 1")
    if count < 0 or any(n < 0 for n in [*present.values(), *available.values()]):
        raise ValueError("numbers of items are not negative")
    total = sum(present.values()) + count
    lacks = {
        name: lack
        for name, share in targets.items()
        if (lack := share * total - present.get(name, 0)) > NEARLY
    }
    limits = {
        name: min(available.get(name, 0), ceil(lack - NEARLY)) for name, lack in lacks.items()
    }
    return _rounded(_divided(lacks, limits, count), count)


def _divided(lacks: Mapping[str, float], limits: Mapping[str, int], count: int) -> dict[str, float]:
    """Shares of `count` in proportion to what each lacks; whoever is full leaves the rest."""
    taken: dict[str, float] = {}
    rest = float(count)
    open_to = dict(lacks)
    while open_to and rest > NEARLY:
        whole = fsum(open_to.values())
        full = [n for n, lack in open_to.items() if rest * lack / whole > limits[n] - NEARLY]
        if not full:
            return taken | {name: rest * lack / whole for name, lack in open_to.items()}
        for name in full:
            taken[name] = float(limits[name])
            del open_to[name]
        rest = count - fsum(taken.values())
    return taken


def _rounded(shares: Mapping[str, float], count: int) -> dict[str, int]:
    """Whole numbers with the same sum; equal remainders go by name."""
    whole = {name: floor(share + NEARLY) for name, share in shares.items()}
    missing = min(count, round(fsum(shares.values()))) - sum(whole.values())
    by_remainder = sorted(shares, key=lambda name: (whole[name] - shares[name], name))
    for name in by_remainder[: max(missing, 0)]:
        whole[name] += 1
    return {name: n for name, n in whole.items() if n}
