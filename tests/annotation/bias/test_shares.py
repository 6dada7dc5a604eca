"""A person beside the others."""

from annotation.bias.shares import beside_the_others


def test_who_is_like_the_others_is_not_found() -> None:
    found = beside_the_others({1: (60, 100), 2: (62, 100), 3: (59, 100)})
    assert not any(each.is_found() for each in found.values())


def test_who_differs_is_found_and_a_person_alone_is_not() -> None:
    found = beside_the_others(dict.fromkeys(range(9), (60, 100)) | {9: (95, 100)})
    assert [n for n, each in found.items() if each.is_found()] == [9]
    assert beside_the_others({1: (20, 20)})[1].p == 1.0
