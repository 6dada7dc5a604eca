"""A project in which everything has been said that an export can hold."""

from typing import Any

import pytest

from annotation import services
from annotation.models import Project
from tests.builders import make_annotation, make_item, make_member, make_prompt


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


def rated(*stops: int) -> dict[str, Any]:
    """Each response on one stop of five for every attribute: 5 calls it good, 1 bad."""
    names = ("helpful", "honest", "harmless")
    return {"stops": 5, "ratings": [dict.fromkeys(names, stop) for stop in stops]}


@pytest.fixture
def whole_project(judged_project: Project) -> Project:
    """With labelled responses (one of them split evenly) and two demonstrations besides."""
    people = [make_member(judged_project) for _ in range(2)]
    prompt = make_prompt(judged_project, "Hi|||Hello.|||Name a prime.")
    labelled = make_item(
        judged_project,
        ["Seven.", "Nine.", "Perhaps."],
        prompt=prompt,
        task_type="likert",
        sources=["new", "old", "old"],
        answers_wanted=2,
    )
    make_annotation(labelled, people[0], answer=rated(5, 1, 5))
    make_annotation(labelled, people[1], answer=rated(5, 1, 1))
    written = make_prompt(judged_project, "Why is the sky blue?")
    ours = services.queue_item(
        judged_project, written, [], key="from nothing", task_type="demonstration"
    )
    assert ours is not None
    make_annotation(ours, people[0], answer={"text": "Air scatters blue most.", "edited": None})
    theirs = make_item(
        judged_project, ["It scaters."], prompt=written, task_type="demonstration", sources=["new"]
    )
    make_annotation(theirs, people[1], answer={"text": "It scatters.", "edited": 0})
    return judged_project
