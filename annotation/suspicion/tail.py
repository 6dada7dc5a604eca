"""How likely a weighted count of independent events is to be as high as it is, or higher.

    T = Σ_l w_l Binomial(n_l, c_l)          P(T >= t)

Each weight is rounded to a multiple of 1/S, so T lies on a lattice, where its distribution comes
exactly from its characteristic function Π_l (1 - c_l + c_l e^{iuSw_l})^{n_l} by a Fourier
transform. S is 32, 16 … 1, the finest at which the lattice holds all T; the test is exact for the
rounded weights whatever S is. Where not even 1 does, n is so large that the normal distribution
takes its place.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POINTS = 1024
SCALES = (32, 16, 8, 4, 2, 1)
SMALLEST = 1e-12  # below it rounding speaks


def upper_tail(seen: Ints, hits: Ints, weight: Floats, chance: Floats) -> Floats:
    """The p of each row (P,): of `seen` (P, L) events of each kind, `hits` (P, L) happened; an
    event of kind l weighs `weight` (L,) >= 0 and has the probability `chance` (L,)."""
    found = np.ones(len(seen))
    open_rows = np.ones(len(seen), dtype=np.bool_)
    for scale in SCALES:
        whole = np.rint(weight * scale).astype(np.int64)
        fits = open_rows & (seen @ whole < POINTS)
        if fits.any():
            found[fits] = _exact(seen[fits], hits[fits] @ whole, whole, chance)
            open_rows &= ~fits
    if open_rows.any():
        found[open_rows] = _normal(seen[open_rows], hits[open_rows] @ weight, weight, chance)
    return np.asarray(np.clip(found, SMALLEST, 1.0))


def _exact(seen: Ints, total: Ints, whole: Ints, chance: Floats) -> Floats:
    used = seen.any(axis=0)
    turns = np.exp(-2j * np.pi * np.outer(whole[used], np.arange(POINTS // 2 + 1)) / POINTS)
    each = 1 - chance[used, None] + chance[used, None] * turns
    each = np.log(np.where(np.abs(each) < 1e-30, 1e-30, each))
    likely = np.fft.irfft(np.exp(seen[:, used] @ each), n=POINTS, axis=1)
    tails = likely[:, ::-1].cumsum(axis=1)[:, ::-1]
    return np.asarray(tails[np.arange(len(seen)), total])


def _normal(seen: Ints, total: Floats, weight: Floats, chance: Floats) -> Floats:
    mean = seen @ (weight * chance)
    spread = np.sqrt(seen @ (weight**2 * chance * (1 - chance)))
    return np.asarray(ndtr(-(total - mean) / np.maximum(spread, 1e-9)))


def binomial_tail(hits: Ints, seen: Ints, chance: Floats) -> Floats:
    """P(Binomial(seen, chance) >= hits) for each (P,), by the incomplete beta function."""
    from_one = np.maximum(hits, 1)
    found = betainc(from_one, seen - from_one + 1, chance)
    return np.asarray(np.where(hits <= 0, 1.0, np.maximum(found, SMALLEST)))
