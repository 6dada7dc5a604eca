"""How much answers disagree: by hand for small cases, and through every task type."""

import pytest

from annotation.aggregation.disagreement import Said, disagreement, said
from annotation.preferences import Preference
from annotation.queries_adjudication import disagreement_of
from annotation.task_types import TASK_TYPES

FIRST = said([Preference(0, 1, p=1.0)], [], "first")
SECOND = said([Preference(0, 1, p=0.0)], [], "second")
TIE = said([Preference(0, 1, p=0.5, strength=0.0)], [], "tie")
BOTH_BAD = said([], [(0, False), (1, False)], "both_bad")
GOOD = said([], [(0, True)], "good")
BAD = said([], [(0, False)], "bad")
MIXED = said([], [], "mixed")
UNCLEAR = said([], [], "unclear")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], 0.0),
        ([FIRST], 0.0),
        ([FIRST, FIRST], 0.0),
        ([FIRST, SECOND], 1.0),
        ([FIRST, TIE], 0.5),
        ([FIRST, BOTH_BAD], 1.0),
        ([BOTH_BAD, BOTH_BAD], 0.0),
        ([GOOD, BAD], 1.0),
        ([GOOD, MIXED], 0.5),
        ([MIXED, UNCLEAR], 1.0),
        ([FIRST, FIRST, SECOND], 2 / 3),  # of three pairs of people two differ
        ([FIRST, FIRST, SECOND, SECOND], 4 / 6),
    ],
)
def test_the_chance_that_two_people_differ(answers: list[Said], expected: float) -> None:
    assert disagreement(answers) == pytest.approx(expected)
    assert disagreement(answers[::-1]) == pytest.approx(expected)


def test_a_pair_may_be_named_either_way_round() -> None:
    assert disagreement([FIRST, said([Preference(1, 0, p=0.0)], [], "first")]) == 0.0


def test_rankings_differ_by_their_pairs() -> None:
    ranked = [{"groups": [[0], [1], [2]]}, {"groups": [[0], [2], [1]]}]
    assert disagreement_of("ranking", ranked, 3) == pytest.approx(1 / 3)
    tied = [{"groups": [[0], [1], [2]]}, {"groups": [[0], [1, 2]]}]
    assert disagreement_of("ranking", tied, 3) == pytest.approx(0.5 / 3)
    unlike = [{"groups": [[0], [1], [2]]}, {"groups": [], "not_rankable": True, "reason": "x"}]
    assert disagreement_of("ranking", unlike, 3) == 1.0


def test_how_strongly_something_is_preferred_does_not_count() -> None:
    answers = [{"strength": 3, "both_bad": False}, {"strength": 1, "both_bad": False}]
    assert disagreement_of("pairwise", answers, 2) == 0.0


def test_texts_that_people_wrote_cannot_disagree() -> None:
    written = [{"text": "One.", "edited": None}, {"text": "Two.", "edited": None}]
    assert disagreement_of("demonstration", written, 0) == 0.0


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_equal_answers_of_every_task_type_agree(slug: str) -> None:
    kind = TASK_TYPES[slug]
    form = kind.AnswerForm(kind.EXAMPLE, responses=kind.EXAMPLE_RESPONSES)
    assert form.is_valid()
    answer = kind.to_canonical(form.cleaned_data, range(kind.EXAMPLE_RESPONSES))
    assert disagreement_of(slug, [answer, answer], kind.EXAMPLE_RESPONSES) == 0.0
