"""Labels of single responses, merged by majority."""

from annotation.aggregation.labels import MergedLabel, merge_labels


def test_the_majority_gives_the_label_and_its_share() -> None:
    votes = [(1, True), (0, False), (1, True), (1, False), (0, False)]
    assert merge_labels(votes) == [
        MergedLabel(response=0, is_good=False, p=1.0, votes=2),
        MergedLabel(response=1, is_good=True, p=2 / 3, votes=3),
    ]


def test_an_even_split_is_no_label() -> None:
    assert merge_labels([(0, True), (0, False)]) == [MergedLabel(0, None, 0.5, 2)]


def test_nothing_said_is_nothing_merged() -> None:
    assert merge_labels([]) == []
