"""Curves are thinned without losing their ends and peaks; numbers read well."""

import random

from training import charts


def test_few_points_stay_as_they_are() -> None:
    points = ([1, 2, 3], [3.0, 2.0, 1.0])
    assert charts.thin(points) == points


def test_a_thinned_curve_keeps_its_ends_its_order_and_every_peak() -> None:
    values = [random.Random(step).random() for step in range(20_000)]
    values[12_345], values[4_321] = 50.0, -50.0
    steps, kept = charts.thin((list(range(20_000)), values), most=400)
    assert len(steps) <= 402
    assert (steps[0], steps[-1]) == (0, 19_999)
    assert steps == sorted(set(steps))
    assert (max(kept), min(kept)) == (50.0, -50.0)
    assert all(values[step] == value for step, value in zip(steps, kept, strict=True))


def test_what_belongs_together_shares_a_panel_and_the_unknown_gets_its_own() -> None:
    points = ([1], [0.5])
    drawn = charts.panels({"test_loss": points, "loss": points, "kl": points, "test_n": points})
    assert [(panel["title"], len(panel["series"])) for panel in drawn] == [("Loss", 2), ("kl", 1)]


def test_the_figures_of_a_result_carry_error_n_and_what_it_was_before() -> None:
    result = {
        "test_accuracy": 0.714,
        "test_accuracy_se": 0.06,
        "test_n": 52,
        "test_accuracy_before": 0.5,
    }
    (figure,) = charts.figures(result, {})
    assert (figure.value, figure.note) == ("71 %", "± 6 %, n = 52; 50 % before")


def test_few_pairs_that_turn_out_alike_do_not_look_sure() -> None:
    result = {"test_accuracy": 0.0, "test_accuracy_se": 0.0, "test_n": 3}
    (figure,) = charts.figures(result, {})
    assert (figure.value, figure.note) == ("0 %", "n = 3")
