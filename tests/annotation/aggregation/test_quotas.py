"""How many of each category: by hand."""

import pytest

from annotation.aggregation.quotas import quotas

MANY = {"a": 1000, "b": 1000, "c": 1000}


@pytest.mark.parametrize(
    ("present", "targets", "available", "count", "expected"),
    [
        # Nothing there: 10 × 0.5, 0.3, 0.2.
        ({}, {"a": 0.5, "b": 0.3, "c": 0.2}, MANY, 10, {"a": 5, "b": 3, "c": 2}),
        # 10 × 1/3 each: 3, 3, 3, and the one that is left by name.
        ({}, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, MANY, 10, {"a": 4, "b": 3, "c": 3}),
        # 7 × 0.6 = 4.2, 7 × 0.4 = 2.8: the larger remainder gets the seventh.
        ({}, {"a": 0.6, "b": 0.4}, MANY, 7, {"a": 4, "b": 3}),
        # 20 in all, 10 each wanted; a has 9, b has 1: they lack 1 and 9.
        ({"a": 9, "b": 1}, {"a": 0.5, "b": 0.5}, MANY, 10, {"a": 1, "b": 9}),
        # a has more than its half of 24 already; b lacks 12 and takes all 4.
        ({"a": 20}, {"a": 0.5, "b": 0.5}, MANY, 4, {"b": 4}),
        # 12 in all: a lacks 6 - 10 < 0, b lacks 3 - 0, c lacks 3 - 0: 2 divided by 3 : 3.
        ({"a": 10}, {"a": 0.5, "b": 0.25, "c": 0.25}, MANY, 2, {"b": 1, "c": 1}),
        # Only 2 of a are there: a gets 2; b's 5 stay 5, it is not to get more than it lacks.
        ({}, {"a": 0.5, "b": 0.5}, {"a": 2, "b": 1000}, 10, {"a": 2, "b": 5}),
        # b lacks 8 of 20, a lacks 7; a has none left, so b takes what it lacks: 8, not 10.
        ({"a": 3, "b": 2, "c": 5}, {"a": 0.5, "b": 0.5}, {"b": 50}, 10, {"b": 8}),
        # Shares of 0.5 in all leave the rest to whoever asks.
        ({}, {"a": 0.5}, MANY, 10, {"a": 5}),
        ({}, {"a": 0.0, "b": 1.0}, MANY, 3, {"b": 3}),
        ({"a": 5}, {"a": 1.0}, MANY, 0, {}),
        ({}, {}, MANY, 5, {}),
    ],
)
def test_by_hand(
    present: dict[str, int],
    targets: dict[str, float],
    available: dict[str, int],
    count: int,
    expected: dict[str, int],
) -> None:
    assert quotas(present, targets, available, count) == expected


def test_never_more_than_asked_for_or_there() -> None:
    for count in range(40):
        taken = quotas(
            {"a": 7, "b": 1}, {"a": 0.37, "b": 0.21, "c": 0.42}, {"a": 3, "c": 11}, count
        )
        assert sum(taken.values()) <= count
        assert taken.get("a", 0) <= 3
        assert "b" not in taken
        assert taken.get("c", 0) <= 11


@pytest.mark.parametrize(
    ("targets", "count"), [({"a": 0.6, "b": 0.5}, 1), ({"a": -0.1}, 1), ({"a": 0.5}, -1)]
)
def test_what_makes_no_sense_is_refused(targets: dict[str, float], count: int) -> None:
    with pytest.raises(ValueError):
        quotas({}, targets, MANY, count)
