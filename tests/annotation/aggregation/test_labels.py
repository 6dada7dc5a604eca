"""Labels of single responses, merged by majority."""

from annotation.aggregation.labels import MergedLabel, merge_labels


def test_the_majority_gives_the_label_and_its_share() -> None:
    votes = [(1, True, 1.0), (0, False, 1.0), (1, True, 1.0), (1, False, 1.0), (0, False, 1.0)]
    assert merge_labels(votes) == [
        MergedLabel(response=0, is_good=False, p=1.0, weight=2.0),
        MergedLabel(response=1, is_good=True, p=2 / 3, weight=3.0),
    ]


def test_an_even_split_is_no_label() -> None:
    assert merge_labels([(0, True, 1.0), (0, False, 1.0)]) == [MergedLabel(0, None, 0.5, 2.0)]
    thirds = [(0, True, 0.1), (0, True, 0.2), (0, False, 0.3)]  # 0.1 + 0.2 is not quite 0.3
    assert merge_labels(thirds)[0].is_good is None


def test_weights_decide_the_majority() -> None:
    # one whole vote against two quarters: p = 1 / 1.5
    votes = [(0, True, 1.0), (0, False, 0.25), (0, False, 0.25), (1, False, 0.0)]
    assert merge_labels(votes) == [MergedLabel(0, True, 1 / 1.5, 1.5)]


def test_nothing_said_is_nothing_merged() -> None:
    assert merge_labels([]) == []
