"""What every listed task type must do; a new one is covered the moment it is listed."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

import annotation.task_types
from annotation.task_types import TASK_TYPES, Answer, AnswerInvalid, TaskType
from annotation.task_types.contract import BaseAnswerForm, BaseSettingsForm


def filled(slug: str, config: dict[str, Any] | None = None, **changes: str) -> BaseAnswerForm:
    kind = TASK_TYPES[slug]
    data = {**kind.EXAMPLE, **changes}
    return kind.AnswerForm(data, config=config, responses=kind.EXAMPLE_RESPONSES)


def example(slug: str) -> Answer:
    """The example as it is stored when shown in canonical order."""
    form = filled(slug)
    assert form.is_valid(), form.errors
    kind = TASK_TYPES[slug]
    return kind.to_canonical(form.cleaned_data, range(kind.EXAMPLE_RESPONSES))


def test_every_module_is_listed() -> None:
    folder = Path(annotation.task_types.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "contract"}
    assert modules == set(TASK_TYPES)


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_it_says_what_it_is(slug: str) -> None:
    kind = TASK_TYPES[slug]
    assert kind.LABEL
    assert kind.__doc__
    assert 0 <= kind.MIN_RESPONSES <= kind.EXAMPLE_RESPONSES <= kind.MAX_RESPONSES


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_its_example_passes_its_own_check(slug: str) -> None:
    answer = example(slug)
    assert TASK_TYPES[slug].check(answer, TASK_TYPES[slug].EXAMPLE_RESPONSES, {}) == answer


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_an_empty_form_is_no_answer(slug: str) -> None:
    kind = TASK_TYPES[slug]
    assert not kind.AnswerForm({}, responses=kind.EXAMPLE_RESPONSES).is_valid()


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_displaying_a_stored_answer_and_reading_it_back_changes_nothing(slug: str) -> None:
    kind = TASK_TYPES[slug]
    answer = example(slug)
    for order in permutations(range(kind.EXAMPLE_RESPONSES)):
        shown = kind.to_display(answer, order)
        form = kind.AnswerForm(shown, responses=kind.EXAMPLE_RESPONSES)
        assert form.is_valid(), form.errors
        assert kind.to_canonical(form.cleaned_data, order) == answer


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_what_is_chosen_on_the_screen_follows_the_response_not_its_place(slug: str) -> None:
    """The same click under two display orders prefers two different responses, or ties."""
    kind = TASK_TYPES[slug]
    form = filled(slug)
    assert form.is_valid()
    order = list(range(kind.EXAMPLE_RESPONSES))
    there = kind.to_canonical(form.cleaned_data, order)
    back = kind.to_canonical(form.cleaned_data, order[::-1])
    mirrored = {
        (kind.EXAMPLE_RESPONSES - 1 - p.a, kind.EXAMPLE_RESPONSES - 1 - p.b): p.p
        for p in kind.preferences(there, kind.EXAMPLE_RESPONSES)
    }
    for p in kind.preferences(back, kind.EXAMPLE_RESPONSES):
        assert mirrored.get((p.a, p.b), 1 - mirrored.get((p.b, p.a), 0.0)) == p.p


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_one_answer_is_one_vote_on_pairs_of_its_responses(slug: str) -> None:
    kind = TASK_TYPES[slug]
    pairs = kind.preferences(example(slug), kind.EXAMPLE_RESPONSES)
    assert sum(pair.weight for pair in pairs) == pytest.approx(1.0 if pairs else 0.0)
    assert len({frozenset((pair.a, pair.b)) for pair in pairs}) == len(pairs)
    assert all(0 <= i < kind.EXAMPLE_RESPONSES for pair in pairs for i in (pair.a, pair.b))


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_its_example_teaches_something(slug: str) -> None:
    """Pairs, labels of single responses or texts: else nothing could ever be trained on it."""
    kind = TASK_TYPES[slug]
    said = [f(example(slug), kind.EXAMPLE_RESPONSES) for f in functions_of(kind)]
    assert any(said)
    for label in said[1]:
        assert 0 <= label.response < kind.EXAMPLE_RESPONSES


def functions_of(kind: TaskType) -> tuple[Any, Any, Any]:
    return kind.preferences, kind.unpaired, kind.demonstrations


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_its_settings_are_stored_where_they_differ_from_the_default(slug: str) -> None:
    form = TASK_TYPES[slug].SettingsForm
    untouched = form(sent_by(form()))
    assert untouched.is_valid(), untouched.errors
    assert untouched.to_config() == {}


def sent_by(form: BaseSettingsForm) -> dict[str, Any]:
    """What a browser sends for a form that was shown and not touched."""
    return {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}


@pytest.mark.parametrize("slug", TASK_TYPES)
@pytest.mark.parametrize("answer", [{}, {"unheard": 1}, {"strength": None}, {"groups": None}])
def test_nonsense_is_refused_with_a_sentence(slug: str, answer: Answer) -> None:
    with pytest.raises(AnswerInvalid) as refusal:
        TASK_TYPES[slug].check(answer, TASK_TYPES[slug].EXAMPLE_RESPONSES, {})
    assert refusal.value.message.endswith(".")


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_a_reason_is_asked_for_where_the_project_wants_one(slug: str) -> None:
    assert filled(slug, rationale="").is_valid()
    assert "rationale" in filled(slug, {"rationale": "required"}, rationale=" ").errors
    assert filled(slug, {"rationale": "required"}, rationale="because").is_valid()


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_its_label_is_a_word_for_agreement(slug: str) -> None:
    assert TASK_TYPES[slug].agreement_label(example(slug))
