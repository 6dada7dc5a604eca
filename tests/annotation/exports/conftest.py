"""A project in which everything has been said that an export can hold."""

import pytest

from annotation.models import Project
from tests.builders import make_annotation, make_item, make_prompt


@pytest.fixture
def judged_project(project: Project) -> Project:
    """Three preferred pairs, a tie, a both-bad, and a ranking of three with one tied pair."""
    for number in range(3):
        prompt = make_prompt(project, f"Hi {number}|||Hello! How can I help?|||Count to {number}.")
        item = make_item(project, [f"better {number}", f"worse {number}"], prompt=prompt)
        make_annotation(item, strength=number + 1)
    make_annotation(make_item(project), strength=0)
    make_annotation(make_item(project), both_bad=True, rationale="Neither is an answer.")
    ranking = make_item(project, ["one", "two", "three"], task_type="ranking")
    make_annotation(ranking, answer={"groups": [[1], [0, 2]]})
    return project
