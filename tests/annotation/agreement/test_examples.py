"""The worked examples: what others have published of the same data."""

import numpy as np
import pytest

from annotation.agreement import cohen, fleiss, gwet, kendall, krippendorff, percent
from annotation.agreement.tables import CountTable, tabulate
from tests.annotation.agreement.examples import (
    ANXIETY,
    FOUR_OBSERVERS,
    FOURTEEN_RATERS,
    JUDGES,
    PSYCHIATRISTS,
    THREE_OBSERVERS,
)


def value(statistic, table: CountTable, **options) -> float:
    return float(statistic.compute(table, table.items[None], **options)[0])


@pytest.mark.parametrize(
    ("metric", "published"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_krippendorffs_four_observers(metric: str, published: float) -> None:
    table = tabulate([1, 2, 3, 4, 5], FOUR_OBSERVERS)
    assert value(krippendorff, table, metric=metric) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(
    ("metric", "published"),
    [("nominal", 0.691358), ("ordinal", 0.806721), ("interval", 0.810845)],
)
def test_three_observers(metric: str, published: float) -> None:
    table = tabulate([1, 2, 3, 4], THREE_OBSERVERS)
    assert value(krippendorff, table, metric=metric) == pytest.approx(published, abs=5e-7)


def test_cohens_kappa_as_sas_prints_it() -> None:
    counts = np.array([[0, 4, 1], [0, 8, 0], [0, 1, 5]], dtype=float)
    k, error = float(cohen.kappa(counts)), cohen.standard_error(counts)
    assert k == pytest.approx(0.4842, abs=5e-5)
    assert error == pytest.approx(0.1380, abs=5e-5)
    bounds = (k - 1.959964 * error, k + 1.959964 * error)
    assert bounds == pytest.approx((0.2137, 0.7547), abs=1e-4)
    assert float(cohen.kappa(counts, "linear")) == pytest.approx(0.4701, abs=5e-5)
    assert float(cohen.kappa(counts, "quadratic")) == pytest.approx(0.4502, abs=5e-5)


def test_cohens_kappa_by_hand() -> None:
    """p_o = 35 / 50, p_e = (25 · 30 + 25 · 20) / 50² = 1 / 2."""
    assert float(cohen.kappa(np.array([[20.0, 5], [10, 15]]))) == pytest.approx(0.4)


def test_the_declared_scale_makes_the_weights() -> None:
    """Of 1 … 6, second and third rater use all but 5: R drops it, and gets other weights."""
    pairs = list(zip(ANXIETY[1], ANXIETY[2], strict=True))
    declared = cohen.joint(range(1, 7), pairs)
    assert float(cohen.kappa(declared)) == pytest.approx(-0.006289, abs=5e-7)
    assert float(cohen.kappa(declared, "linear")) == pytest.approx(0.1262, abs=5e-5)
    assert float(cohen.kappa(declared, "quadratic")) == pytest.approx(0.2298, abs=5e-5)
    used = cohen.joint([1, 2, 3, 4, 6], pairs)
    assert float(cohen.kappa(used, "linear")) == pytest.approx(0.1459, abs=5e-5)
    assert float(cohen.kappa(used, "quadratic")) == pytest.approx(0.2520, abs=5e-5)


def test_fleiss_fourteen_raters() -> None:
    table = CountTable(range(5), np.array(FOURTEEN_RATERS, dtype=float), np.ones(10))
    assert value(fleiss, table) == pytest.approx(0.20993, abs=5e-6)


def test_fleiss_psychiatrists() -> None:
    table = tabulate([1, 2, 3, 4, 5], PSYCHIATRISTS)
    assert (table.items @ table.rows).tolist() == [26, 26, 30, 55, 43]
    k = value(fleiss, table)
    assert k == pytest.approx(0.4302445, abs=5e-8)
    assert k / fleiss.standard_error_by_chance(table) == pytest.approx(17.65, abs=5e-3)


@pytest.mark.parametrize(
    ("first", "second", "published"),
    [
        ([12, 2, 1, 12, 2], [1, 4, 7, 1, 0], -0.4714045),
        ([2, 1, 4, 2], [1, 2, 3, 4], 0.1825742),
    ],
)
def test_tau_b(first: list[int], second: list[int], published: float) -> None:
    assert kendall.tau_b(first, second) == pytest.approx(published, abs=5e-8)


def test_kendalls_w_with_ties_and_without_their_correction() -> None:
    found = kendall.concordance(ANXIETY)
    assert found is not None
    assert found.w == pytest.approx(0.5396569, abs=5e-8)
    assert found.chi_squared == pytest.approx(30.76, abs=5e-3)
    assert (found.degrees, found.p) == (19, pytest.approx(0.04288, abs=5e-6))
    uncorrected = kendall.concordance(ANXIETY, ties=False)
    assert uncorrected is not None
    assert uncorrected.w == pytest.approx(0.5019, abs=5e-5)


def test_kendalls_w_of_three_judges() -> None:
    found = kendall.concordance(JUDGES)
    assert found is not None
    assert found.w == pytest.approx(0.656, abs=5e-4)
    assert found.chi_squared == pytest.approx(13.778, abs=5e-4)
    assert (found.degrees, found.p) == (7, pytest.approx(0.0553, abs=5e-5))


def test_gwet_by_hand() -> None:
    """Two raters, 100 items: 90 both yes, 5 and 5 apart. p_a = 0.9, π = (0.95, 0.05),
    p_e = 2 · 0.95 · 0.05 = 0.095, AC1 = 0.805 / 0.905; κ of the same is below 0."""
    table = CountTable(["yes", "no"], np.array([[2.0, 0], [1, 1]]), np.array([90.0, 10]))
    assert value(gwet, table) == pytest.approx(0.805 / 0.905)
    assert float(cohen.kappa(np.array([[90.0, 5], [5, 0]]))) == pytest.approx(-1 / 19)


def test_percent_by_hand() -> None:
    """aab: 1 of 3 pairs; a=: none of 1, or a half; ==: 1 of 1. Without ties: 1 of 3."""
    table = tabulate(["a", "=", "b"], [["a", "a", "b"], ["a", "="], ["=", "="]])
    assert value(percent, table) == pytest.approx(2 / 5)
    assert value(percent, table, tie="=", ties="half") == pytest.approx(2.5 / 5)
    assert value(percent, table, tie="=", ties="excluded") == pytest.approx(1 / 3)
