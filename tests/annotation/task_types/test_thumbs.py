"""One response, good or bad."""

from annotation.task_types import thumbs
from annotation.task_types.contract import Unpaired


def test_a_thumb_is_a_label_of_one_response_and_no_pair() -> None:
    for verdict, good in (("good", True), ("bad", False)):
        form = thumbs.AnswerForm({"verdict": verdict}, responses=1)
        assert form.is_valid()
        answer = thumbs.to_canonical(form.cleaned_data, [0])
        assert answer == {"good": good}
        assert thumbs.unpaired(answer, 1) == [Unpaired(0, is_good=good)]
        assert thumbs.preferences(answer, 1) == []
        assert thumbs.agreement_label(answer) == verdict


def test_no_verdict_is_taken_as_one() -> None:
    assert thumbs.AnswerForm({}, responses=1).errors == {
        "verdict": ["Choose whether the response is good or bad."]
    }
    assert list(thumbs.AnswerForm({"verdict": "up"}, responses=1).errors) == ["verdict"]
