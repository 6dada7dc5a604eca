"""What several answers to one item become: every vote, the majority, or the verdict."""

from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from annotation import services
from annotation.exports import EXPORTS
from annotation.exports.filters import FilterInvalid, clean_filters
from annotation.exports.rows import groups, judged_items
from annotation.models import Item, Membership, Project
from tests.builders import make_annotation, make_item, make_member

pytestmark = pytest.mark.django_db

SECOND = {"strength": -3, "both_bad": False}


@pytest.fixture
def reviewer(project: Project) -> User:
    return make_member(project, Membership.Role.REVIEWER, "reviewer")


def split_item(project: Project, *strengths: int) -> Item:
    item = make_item(project, ["one", "two"], answers_wanted=len(strengths))
    for strength in strengths:
        make_annotation(item, strength=strength)
    return item


def decide(item: Item, reviewer: User, kind: str = "answer", **fields: Any) -> None:
    services.give_verdict(
        item, kind=kind, reason="So.", reviewer=reviewer, submit_key=f"k{kind}", **fields
    )


def rows_of(project: Project, format_slug: str, labels: str) -> list[dict[str, Any]]:
    judged = judged_items(project, filters={"labels": labels})
    return list(EXPORTS[format_slug].rows(judged, Counter()))


def pairs_of(project: Project, labels: str) -> list[tuple[float, float, float]]:
    found = groups(project, filters={"labels": labels})
    return [(p["p"], p["strength"], p["weight"]) for g in found for p in g["preferences"]]


def test_votes_majority_and_verdict_give_a_pair_their_own_label(
    project: Project, reviewer: User
) -> None:
    decide(split_item(project, 2, 2, -2), reviewer, answer=SECOND)
    two_thirds = pytest.approx(2 / 3)
    assert pairs_of(project, "votes") == [(two_thirds, 2.0, 3.0)]
    assert pairs_of(project, "majority") == [(1.0, 2.0, 3.0)]
    assert pairs_of(project, "verdict") == [(0.0, 3.0, 1.0)]
    assert pairs_of(project, "") == pairs_of(project, "votes")


@pytest.mark.parametrize("format_slug", ["trl_preference", "trl_implicit"])
def test_the_chosen_response_follows_the_labels(
    project: Project, reviewer: User, format_slug: str
) -> None:
    decide(split_item(project, 2, 2, -2), reviewer, answer=SECOND)
    chosen = {
        labels: [row["chosen"][-1]["content"] for row in rows_of(project, format_slug, labels)]
        for labels in ("votes", "majority", "verdict")
    }
    assert chosen == {"votes": ["one"], "majority": ["one"], "verdict": ["two"]}


def test_k_wise_takes_the_verdict_and_keeps_the_votes(project: Project, reviewer: User) -> None:
    item = make_item(project, ["a", "b", "c"], task_type="ranking", answers_wanted=2)
    for order in ([[0], [1], [2]], [[0], [2], [1]]):
        make_annotation(item, answer={"groups": order})
    decide(item, reviewer, answer={"groups": [[2], [1], [0]]})
    (by_votes,) = rows_of(project, "k_wise", "votes")
    (by_verdict,) = rows_of(project, "k_wise", "verdict")
    assert by_votes["groups"] == [[0], [1, 2]]
    assert by_verdict["groups"] == [[2], [1], [0]]
    assert by_verdict["votes"] == by_votes["votes"]


def test_a_single_response_takes_the_verdicts_label(project: Project, reviewer: User) -> None:
    item = make_item(project, ["only"], task_type="thumbs", answers_wanted=3)
    for good in (True, True, False):
        make_annotation(item, answer={"good": good})
    decide(item, reviewer, answer={"good": False})
    said = {
        labels: [(r["label"], r["weight"]) for r in rows_of(project, "trl_unpaired", labels)]
        for labels in ("votes", "majority", "verdict")
    }
    assert said == {"votes": [(True, 3.0)], "majority": [(True, 3.0)], "verdict": [(False, 1.0)]}


def test_without_a_verdict_or_with_an_undecided_one_votes_count(
    project: Project, reviewer: User
) -> None:
    split_item(project, 1)
    decide(split_item(project, 2, 0), reviewer, "undecided")
    assert pairs_of(project, "verdict") == pairs_of(project, "votes")
    assert pairs_of(project, "votes") == [(1.0, 1.0, 1.0), (0.75, 1.0, 2.0)]


def test_what_a_verdict_retired_gives_no_label(project: Project, reviewer: User) -> None:
    decide(split_item(project, 2, -1), reviewer, "retire")
    assert pairs_of(project, "verdict") == []
    assert len(pairs_of(project, "votes")) == 1


def test_the_newest_verdict_holds(project: Project, reviewer: User) -> None:
    item = split_item(project, 2, -1)
    decide(item, reviewer, "undecided")
    decide(item, reviewer, answer=SECOND)
    assert [p for p, _, _ in pairs_of(project, "verdict")] == [0.0]


def test_an_even_split_stays_a_tie_by_majority(project: Project) -> None:
    split_item(project, 2, -2)
    assert pairs_of(project, "majority") == [(0.5, 2.0, 2.0)]


@pytest.mark.parametrize("value", ["best", ["verdict"], 3])
def test_an_unknown_choice_is_refused(value: Any) -> None:
    with pytest.raises(FilterInvalid, match="labels: must be one of votes, majority, verdict"):
        clean_filters({"labels": value})


def test_the_default_leaves_no_trace() -> None:
    assert clean_filters({"labels": "votes"}) == {}
    assert clean_filters({"labels": "verdict"}) == {"labels": "verdict"}


def test_the_command_takes_the_choice(
    project: Project, reviewer: User, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    decide(split_item(project, 2, 2, -2), reviewer, answer=SECOND)
    path = tmp_path / "pairs.jsonl"
    call_command("export", "demo", format="trl_preference", output=path, labels="verdict")
    assert '"content":"two"}],"rejected"' in path.read_text()
    assert '"items_by_verdict": 1' in path.with_name("pairs.jsonl.manifest.json").read_text()
