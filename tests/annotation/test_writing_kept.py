"""Texts are counted once, a page counts for a while only, and what is new is added."""

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from annotation import queries_writing
from annotation.models import Project, Response
from annotation.queries_writing import StillReading, deadline, of_last_turns, of_responses
from tests.builders import make_prompt, make_response

pytestmark = pytest.mark.django_db


def keys_of(*responses: Response) -> np.ndarray:
    return np.array([each.pk for each in responses], dtype=np.int64)


def test_texts_are_fetched_once(
    project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    prompt = make_prompt(project)
    one, two = make_response(prompt, "# One\n- **a**"), make_response(prompt, "b c")
    wanted = keys_of(two, one, two)
    with django_assert_num_queries(1):
        first = of_responses(project, wanted, deadline())
    assert first.tolist() == [[3, 2, 0, 0, 0], [13, 4, 1, 1, 1], [3, 2, 0, 0, 0]]
    with django_assert_num_queries(0):
        assert of_responses(project, wanted, deadline()).tolist() == first.tolist()
    three = make_response(prompt, "new")
    with django_assert_num_queries(1):
        assert of_responses(project, keys_of(three, one), deadline())[:, 0].tolist() == [3, 13]


def test_of_a_prompt_the_last_turn_counts(project: Project) -> None:
    prompt = make_prompt(project, "A long first question|||An answer|||And then?")
    found = of_last_turns(project, np.array([prompt.pk]), deadline())
    assert found[0].tolist() == [9, 2, 0, 0, 0]


def test_nothing_is_asked_for(project: Project) -> None:
    assert of_responses(project, np.zeros(0, dtype=np.int64), deadline()).shape == (0, 5)


def test_a_page_counts_for_a_while_and_the_next_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries_writing, "FETCHED", 2)
    prompt = make_prompt(project)
    wanted = keys_of(*(make_response(prompt, "x" * n) for n in range(1, 6)))
    with pytest.raises(StillReading, match="2 of 5 so far"):
        of_responses(project, wanted, until=0)
    with pytest.raises(StillReading, match="4 of 5 so far"):
        of_responses(project, wanted, until=0)
    assert of_responses(project, wanted, until=0)[:, 0].tolist() == [1, 2, 3, 4, 5]
