"""Judgements as arrays, each figure by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.agreement import percent
from annotation.agreement.people import person_sums, with_the_rest
from annotation.agreement.tables import tabulate
from annotation.agreement.units import Judgements, between_two, count_table

SCALE = ("a", "=", "b")
ANN, BEN, CAT = 7, 8, 9


def judgements(*said: tuple[int, int, str]) -> Judgements:
    """Of (unit, person, value)."""
    rows = [(unit, person, SCALE.index(value)) for unit, person, value in said]
    unit, person, value = np.array(rows, dtype=np.int64).reshape(len(rows), 3).T
    return Judgements(SCALE, unit, person, value)


FOUR_UNITS = judgements(
    *((1, ANN, "a"), (1, BEN, "a"), (1, CAT, "b")),
    *((2, ANN, "b"), (2, BEN, "b")),
    *((3, ANN, "a"), (3, CAT, "=")),
    (4, ANN, "a"),
)


def test_the_table_is_that_of_the_units() -> None:
    table = count_table(FOUR_UNITS)
    found = sorted(zip(table.rows.tolist(), table.items.tolist(), strict=True))
    assert found == [([0, 0, 2], 1), ([1, 0, 0], 1), ([1, 1, 0], 1), ([2, 0, 1], 1)]


@given(st.lists(st.lists(st.sampled_from(SCALE), max_size=5), max_size=20))
def test_arrays_and_lists_make_the_same_table(units: list[list[str]]) -> None:
    said = [(n, who, each) for n, values in enumerate(units) for who, each in enumerate(values)]
    table = count_table(judgements(*said))
    by_hand = tabulate(SCALE, [values for values in units if values])
    for found in (table, by_hand):
        order = np.lexsort(found.rows.T)
        assert found.rows[order].tolist() == by_hand.rows[np.lexsort(by_hand.rows.T)].tolist()
        assert found.items[order].tolist() == by_hand.items[np.lexsort(by_hand.rows.T)].tolist()


def test_a_long_scale_and_many_raters_fit_too() -> None:
    """41 answers on 30 stops are more than one number holds."""
    person = np.arange(41)
    found = count_table(Judgements(tuple(range(30)), person * 0, person, person % 30))
    assert found.items.tolist() == [1]
    assert found.rows.sum() == 41


def test_each_person_with_the_rest() -> None:
    """Ann shares units 1, 2, 3 with 2, 1 and 1 others, and agrees with 1, 1 and 0 of them.

    By chance: she says a, a, b, a to them (¾, ¼); they say a, b, b, = (¼ a, ½ b): ¾·¼ + ¼·½ = 5/16.
    """
    found = with_the_rest(person_sums(FOUR_UNITS))
    ann = found[ANN]
    assert (ann.share.rate, ann.share.n, ann.share.clusters) == (0.5, 4, 3)
    # deviations a - t / 2: 0, ½, -½
    assert ann.share.standard_error == pytest.approx((3 / 2 * 0.5) ** 0.5 / 4)
    assert ann.kappa == pytest.approx((1 / 2 - 5 / 16) / (1 - 5 / 16))
    assert (found[BEN].share.rate, found[CAT].share.rate) == (2 / 3, 0.0)


def test_who_always_says_the_same_as_everybody_has_no_kappa() -> None:
    found = with_the_rest(
        person_sums(judgements((1, ANN, "a"), (1, BEN, "a"), (2, ANN, "a"), (2, BEN, "a")))
    )
    assert (found[ANN].share.rate, found[ANN].kappa) == (1.0, None)


def test_who_shares_nothing_is_not_there() -> None:
    assert with_the_rest(person_sums(judgements((1, ANN, "a"), (2, BEN, "a")))) == {}
    assert with_the_rest(person_sums(judgements())) == {}


def test_two_people_against_each_other() -> None:
    found = between_two(FOUR_UNITS, [ANN, BEN, CAT])
    rates = {pair: (each.rate, each.n) for pair, each in found.items()}
    assert rates == {(ANN, BEN): (1.0, 2), (ANN, CAT): (0.0, 2), (BEN, CAT): (0.0, 1)}
    assert between_two(FOUR_UNITS, [BEN, CAT]).keys() == {(BEN, CAT)}


@given(st.lists(st.lists(st.sampled_from(SCALE), min_size=3, max_size=3), min_size=1, max_size=20))
def test_persons_and_pairs_add_up_to_percent_agreement(units: list[list[str]]) -> None:
    said = judgements(
        *((n, who, each) for n, values in enumerate(units) for who, each in enumerate(values))
    )
    table = count_table(said)
    overall = float(percent.compute(table, table.items[None])[0])
    pairs = between_two(said, [0, 1, 2]).values()
    assert sum((each.rate or 0) * each.n for each in pairs) / sum(each.n for each in pairs) == (
        pytest.approx(overall)
    )
    rest = [each.share for each in with_the_rest(person_sums(said)).values()]
    assert np.mean([each.rate for each in rest]) == pytest.approx(overall)
