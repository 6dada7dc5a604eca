"""The posterior of agreement against a published table; training tries."""

import pytest

from annotation.aggregation.gold import (
    GoldAgreement,
    Standing,
    Try,
    last_try,
    needed,
    standing,
)

TWO_OF_THREE = [True, True, False]


@pytest.mark.parametrize(
    ("agreed", "low", "high"),
    [(0, 0.0, 0.292), (1, 0.016, 0.501), (2, 0.065, 0.648), (3, 0.139, 0.766), (7, 0.708, 1.0)],
)
def test_seven_answers_have_the_published_intervals(agreed: int, low: float, high: float) -> None:
    """Brown, Cai & DasGupta 2001, table 5, n = 7."""
    assert GoldAgreement(agreed, 7).interval == pytest.approx((low, high), abs=6e-4)


def test_nothing_seen_says_nothing() -> None:
    assert GoldAgreement(0, 0).interval == (0.0, 1.0)
    assert GoldAgreement(0, 0).share is None


def test_one_miss_never_acts() -> None:
    assert not GoldAgreement(0, 1).is_surely_below(0.95)
    assert not any(GoldAgreement(n - 1, n).is_surely_below(0.999) for n in range(1, 50))


def test_it_acts_once_the_whole_interval_lies_below() -> None:
    """3 of 7 reaches up to 0.766, 2 of 7 up to 0.648."""
    assert not GoldAgreement(3, 7).is_surely_below(0.75)
    assert GoldAgreement(2, 7).is_surely_below(0.65)
    assert not GoldAgreement(2, 7).is_surely_below(0.64)


def test_an_honest_person_is_hardly_ever_paused_within_forty_items() -> None:
    """Exact, by going through every path: agreeing 85 % of the time, asked for 60 %."""
    alive, paused = {0: 1.0}, 0.0
    for n in range(1, 41):
        after: dict[int, float] = {}
        for agreed, chance in alive.items():
            for more, p in ((1, 0.85), (0, 0.15)):
                if GoldAgreement(agreed + more, n).is_surely_below(0.6):
                    paused += chance * p
                else:
                    after[agreed + more] = after.get(agreed + more, 0.0) + chance * p
        alive = after
    assert 0 < paused < 0.03


def test_a_random_one_is_found_within_thirty_items() -> None:
    alive = {0: 1.0}
    for n in range(1, 31):
        after: dict[int, float] = {}
        for agreed, chance in alive.items():
            for more in (0, 1):
                if not GoldAgreement(agreed + more, n).is_surely_below(0.75):
                    after[agreed + more] = after.get(agreed + more, 0.0) + chance / 2
        alive = after
    assert sum(alive.values()) < 0.1


def test_the_share_that_has_to_agree_is_rounded_up() -> None:
    assert [needed(10, share) for share in (0.0, 0.65, 0.7, 1.0)] == [0, 7, 7, 10]
    assert needed(3, 1 / 3) == 1


def test_a_try_passes_as_soon_as_it_is_over() -> None:
    rule = {"items": 3, "share": 2 / 3, "tries": 2}
    assert standing([], **rule) == Standing("training", 1, 0, 0)
    assert standing(TWO_OF_THREE[:2], **rule) == Standing("training", 1, 2, 2)
    assert standing(TWO_OF_THREE, **rule) == Standing("passed", 1, 3, 2)


def test_a_retry_counts_its_own_items_alone() -> None:
    rule = {"items": 3, "share": 0.6, "tries": 2}
    missed = [True, False, False]
    assert standing(missed, **rule) == Standing("training", 2, 0, 0)
    assert standing(missed + TWO_OF_THREE, **rule) == Standing("passed", 2, 3, 2)
    assert standing(missed + missed, **rule) == Standing("failed", 2, 3, 1)


def test_without_a_share_everybody_passes_after_the_items() -> None:
    assert standing([False] * 2, items=2, share=0.0, tries=1).status == "passed"


def test_the_last_outcome_knows_its_try() -> None:
    assert last_try([True], 3) == Try(1, 3, 1, 1)
    assert last_try(TWO_OF_THREE, 3) == Try(1, 3, 3, 2)
    assert last_try([*TWO_OF_THREE, False], 3) == Try(2, 3, 1, 0)
