"""Sums that are carried on are the sums of what there is now."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.agreement.people import with_the_rest
from annotation.agreement.sums import Sums, carried_on, sums_of
from annotation.agreement.tables import CountTable
from annotation.agreement.units import Judgements

SCALE = ("a", "=", "b")
RESEARCHER = 3
Said = dict[tuple[int, int], int]  # (unit, person) → value

answers = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(1, 4)), st.integers(0, 2), max_size=24
)


def made(said: Said) -> Sums:
    """Parts by week, which differ within a unit, and by kind, which do not."""
    rows = np.array([(*key, value) for key, value in said.items()], dtype=np.int64).reshape(-1, 3)
    unit, person, value = rows.T
    keys = {"week": (unit + person) % 3, "kind": unit % 2}
    return sums_of(Judgements(SCALE, unit, person, value), keys, person == RESEARCHER)


def rows_of(table: CountTable) -> dict[tuple[float, ...], float]:
    return {tuple(row): n for row, n in zip(table.rows.tolist(), table.items.tolist(), strict=True)}


@given(answers, answers)
def test_carried_on_is_made_anew(before: Said, now: Said) -> None:
    """Whatever the answers were: those to units 0 to 2 change into others."""
    changed = {key: value for key, value in before.items() if key[0] <= 2}
    into = {key: value for key, value in now.items() if key[0] <= 2}
    rest = {key: value for key, value in before.items() if key[0] > 2}
    found = carried_on(made(before), made(changed), made(into))
    anew = made(rest | into)
    assert rows_of(found.whole) == rows_of(anew.whole)
    assert rows_of(found.researchers) == rows_of(anew.researchers)
    assert set(found.parts) == set(anew.parts)
    for part, table in anew.parts.items():
        assert rows_of(found.parts[part]) == rows_of(table)
    assert (found.sizes, found.given) == (anew.sizes, anew.given)
    for one, other in ((found.people, anew.people), (found.measured, anew.measured)):
        assert one.person.tolist() == other.person.tolist()
        assert one.sums == pytest.approx(other.sums)
    assert with_the_rest(found.people) == with_the_rest(anew.people)


def test_what_has_not_changed_is_the_same_object() -> None:
    before = {(0, 1): 0, (0, 2): 0, (1, 1): 2, (1, 2): 1}
    sums = made(before)
    found = carried_on(sums, made({}), made({(2, 1): 1, (2, 2): 1}))
    assert found.parts["kind", 1] is sums.parts["kind", 1]
    assert found.parts["kind", 0] is not sums.parts["kind", 0]
    assert sorted(found.keys("kind")) == [0, 1]


def test_the_sums_by_hand() -> None:
    """Two say a of unit 0, and one of them b of unit 1."""
    found = made({(0, 1): 0, (0, 2): 0, (1, 1): 2})
    assert rows_of(found.whole) == {(2, 0, 0): 1, (0, 0, 1): 1}
    assert rows_of(found.parts["week", 2]) == {(1, 0, 0): 1, (0, 0, 1): 1}
    assert found.sizes == {("week", 1): 1, ("week", 2): 2, ("kind", 0): 2, ("kind", 1): 1}
    assert found.given == {1: 2, 2: 1}
    assert found.measured.person.tolist() == []
