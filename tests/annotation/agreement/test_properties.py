"""What holds whatever people said, and what well-known programs make of the same random data."""

import krippendorff as krippendorff_oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from annotation.agreement import STATISTICS, cohen, fleiss, gwet, kendall, krippendorff, percent
from annotation.agreement.measure import measure
from annotation.agreement.tables import CountTable, tabulate

SCALE = [-2, -1, 0, 1, 2]
METRICS = ["nominal", "ordinal", "interval"]
items_of_any = st.lists(st.lists(st.sampled_from(SCALE), max_size=5), min_size=1, max_size=12)
items_of_three = st.lists(
    st.lists(st.sampled_from(SCALE), min_size=3, max_size=3), min_size=2, max_size=12
)


def value(statistic, table: CountTable, **options) -> float:
    return float(statistic.compute(table, table.items[None], **options)[0])


def all_values(items: list[list[int]], scale: list[int] = SCALE) -> dict[str, float]:
    table = tabulate(scale, items)
    found = {name: value(statistic, table) for name, statistic in STATISTICS.items()}
    found["gwet, ordered"] = value(gwet, table, metric="ordinal")
    return found | {each: value(krippendorff, table, metric=each) for each in METRICS}


NOMINAL = ["krippendorff", "percent", "gwet", "fleiss", "nominal"]


@given(items_of_any, st.randoms(use_true_random=False))
def test_who_said_it_does_not_matter(items: list[list[int]], random) -> None:
    shuffled = [random.sample(values, len(values)) for values in random.sample(items, len(items))]
    assert all_values(shuffled) == pytest.approx(all_values(items), nan_ok=True)


@given(items_of_any, st.permutations(SCALE))
def test_names_of_values_do_not_matter(items: list[list[int]], names: list[int]) -> None:
    renamed = [[names[SCALE.index(each)] for each in values] for values in items]
    before, after = all_values(items), all_values(renamed)
    for name in NOMINAL:
        assert after[name] == pytest.approx(before[name], nan_ok=True)


@given(items_of_any)
def test_the_places_on_the_screen_do_not_matter(items: list[list[int]]) -> None:
    swapped = [[-each for each in values] for values in items]
    assert all_values(swapped) == pytest.approx(all_values(items), nan_ok=True)


@given(st.lists(st.sampled_from(SCALE), min_size=2, max_size=12), st.integers(2, 5))
def test_people_who_always_agree_agree_fully(said: list[int], people: int) -> None:
    for name, found in all_values([[each] * people for each in said]).items():
        is_shown = len(set(said)) > 1 or name in ("percent", "gwet", "gwet, ordered")
        assert found == pytest.approx(1.0) if is_shown else np.isnan(found), name


@given(items_of_any)
def test_no_figure_is_above_one_and_percent_lies_between(items: list[list[int]]) -> None:
    found = all_values(items)
    assert all(np.isnan(each) or each <= 1 + 1e-9 for each in found.values())
    assert np.isnan(found["percent"]) or 0 <= found["percent"] <= 1


def test_people_who_draw_lots_agree_by_chance() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.choice(SCALE, size=(20_000, 3)).tolist()
    for name, found in all_values(drawn).items():
        assert abs(found - (0.2 if name == "percent" else 0.0)) < 0.015, name


# --- against other programs -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("metric", [*METRICS, "ratio"])
def test_alpha_is_that_of_krippendorffs_package(metric: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.integers(1, 6, size=60)
    said = np.clip(truth + rng.integers(-1, 2, size=(7, 60)), 1, 5).astype(float)
    said[rng.random(said.shape) < 0.4] = np.nan
    items = [column[~np.isnan(column)].astype(int).tolist() for column in said.T]
    ours = value(krippendorff, tabulate([1, 2, 3, 4, 5], items), metric=metric)
    theirs = krippendorff_oracle.alpha(
        said, level_of_measurement=metric, value_domain=[1, 2, 3, 4, 5]
    )
    assert ours == pytest.approx(theirs, abs=1e-12)


@given(items_of_three)
def test_fleiss_is_that_of_statsmodels(items: list[list[int]]) -> None:
    ours = value(fleiss, tabulate(SCALE, items))
    if not np.isnan(ours):
        counts = np.array([[values.count(each) for each in SCALE] for values in items])
        assert ours == pytest.approx(float(fleiss_kappa(counts)), abs=1e-12)


@given(st.lists(st.tuples(*[st.sampled_from(SCALE)] * 2), min_size=2, max_size=30))
def test_cohen_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    counts = cohen.joint(SCALE, pairs)
    first, second = zip(*pairs, strict=True)
    for ours, theirs in (("plain", None), ("linear", "linear"), ("quadratic", "quadratic")):
        k = float(cohen.kappa(counts, ours))
        if not np.isnan(k):
            oracle = cohen_kappa_score(first, second, labels=SCALE, weights=theirs)
            assert k == pytest.approx(oracle, abs=1e-12)


# --- what is undefined, and intervals -------------------------------------------------------------


def test_what_is_undefined_says_why() -> None:
    nobody = measure(krippendorff.compute, tabulate(SCALE, [[1], [2], []]))
    assert (nobody.value, nobody.n, nobody.why) == (None, 0, "No item has two answers yet.")
    same = measure(krippendorff.compute, tabulate(SCALE, [[1, 1], [1, 1]]))
    assert same.value is None
    assert same.why.startswith("Everybody gave the same answer to everything")
    uneven = measure(fleiss.compute, tabulate(SCALE, [[1, 1], [1, 2, 2]]))
    assert uneven.value is None
    assert "different numbers of answers" in uneven.why
    one = measure(percent.compute, tabulate(SCALE, [[1, 2]]))
    assert (one.value, one.interval) == (0.0, None)


def test_the_interval_draws_items_not_votes() -> None:
    """Ten people who all copy one answer are one piece of evidence: the interval of 40 items is
    as wide with 2 answers an item as with 10."""
    rng = np.random.default_rng(1)
    wide = [[a, a] if rng.random() < 0.7 else [a, -a] for a in rng.choice([-1, 1], size=40)]
    copied = [values * 5 for values in wide]
    few = measure(percent.compute, tabulate(SCALE, wide)).interval
    many = measure(percent.compute, tabulate(SCALE, copied)).interval
    assert few is not None
    assert many is not None
    assert few[1] - few[0] == pytest.approx(0.28, abs=0.04)  # 2 · 1.96 · √(0.7 · 0.3 / 40)
    assert many[1] - many[0] > (few[1] - few[0]) / 2


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Percent agreement of items of which 3 in 4 agree; 200 samples of 60 items."""
    rng = np.random.default_rng(2)
    held = 0
    for sample in range(200):
        agreeing = int(rng.binomial(60, 0.75))
        table = CountTable(
            [0, 1], np.array([[2.0, 0], [1, 1]]), np.array([agreeing, 60.0 - agreeing])
        )
        interval = measure(percent.compute, table, draws=400, seed=sample).interval
        assert interval is not None
        held += interval[0] <= 0.75 <= interval[1]
    assert 0.90 <= held / 200 <= 0.98


def test_a_value_off_the_scale_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 is not on the scale"):
        tabulate(SCALE, [[1, 3]])
    with pytest.raises(ValueError, match="each value once"):
        tabulate([1, 1], [])
    with pytest.raises(ValueError, match="'x' is not on the scale"):
        cohen.joint(SCALE, [(1, "x")])
    with pytest.raises(ValueError, match="no value below 0"):
        value(krippendorff, tabulate(SCALE, [[1, 2]]), metric="ratio")


def test_rankings_that_tie_everything_have_no_tau_and_no_w() -> None:
    assert kendall.tau_b([1, 1, 1], [1, 2, 3]) is None
    assert kendall.concordance([[1, 1, 1], [2, 2, 2]]) is None
    assert kendall.concordance([[1, 2, 3]]) is None
    with pytest.raises(ValueError, match="the same responses"):
        kendall.tau_b([1, 2], [1, 2, 3])
