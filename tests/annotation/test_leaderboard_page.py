"""The leaderboard page: whose response won, whatever the order, and what is left out."""

import csv
from io import StringIO

import pytest
from django.test import Client

from annotation.models import Membership, Project
from annotation.queries_leaderboard import leaderboard_page
from tests.builders import make_annotation, make_item, make_member, make_project

pytestmark = pytest.mark.django_db


def meet(project: Project, first: str, second: str, *strengths: int) -> None:
    """An item for each answer; positive: the first one's response is the better one."""
    for strength in strengths:
        make_annotation(make_item(project, sources=[first, second]), strength=strength)


def test_the_sources_of_both_sides_are_found(project: Project) -> None:
    meet(project, "new", "old", 1, 2, 3, -1)
    meet(project, "old", "new", -2, 0)
    page = leaderboard_page(project)
    assert [(line.name, line.standing.comparisons) for line in page.lines] == [
        ("new", 6),
        ("old", 6),
    ]
    assert page.lines[0].standing.field == pytest.approx(4.5 / 6)
    cells = {name: [cell and (cell.rate, cell.n) for cell in row] for name, row in page.matrix}
    assert cells == {"new": [None, (0.75, 6)], "old": [(0.25, 6), None]}
    assert (page.comparisons, page.items) == (6, 6)


def test_a_source_against_itself_and_both_bad_say_nothing(project: Project) -> None:
    meet(project, "new", "new", 3)
    make_annotation(make_item(project, sources=["new", "old"]), both_bad=True)
    page = leaderboard_page(project)
    assert (page.lines, page.comparisons) == ([], 0)


def test_a_ranking_is_all_its_pairs() -> None:
    project = make_project(task_type="ranking")
    answers = [[[0], [1], [2]], [[2], [0, 1]], [[1], [2], [0]], [[0], [2], [1]]]
    for groups in answers:
        item = make_item(project, texts="abc", sources=["one", "two", "three"])
        make_annotation(item, answer={"groups": groups})
    page = leaderboard_page(project)
    cells = {
        (name, page.matrix[n][0]): (cell.rate, cell.n)
        for name, row in page.matrix
        for n, cell in enumerate(row)
        if cell
    }
    assert cells["one", "two"] == (2.5 / 4, 4)
    assert cells["three", "one"] == (0.5, 4)


def test_the_page_and_its_file(project: Project, client: Client) -> None:
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    url = f"/projects/{project.slug}/leaderboard"
    assert "No two sources have met yet" in client.get(f"{url}/").content.decode()
    meet(project, "new", "old", 1, 2, -1)
    assert "cannot be told apart yet" in client.get(f"{url}/").content.decode()
    rows = list(csv.DictReader(StringIO(client.get(f"{url}.csv").content.decode())))
    assert [(row["rank"], row["source"]) for row in rows] == [("1", "new"), ("1", "old")]
    meet(project, "new", "old", *[2] * 30)
    shown = client.get(f"{url}/").content.decode()
    assert "new is preferred to every other one" in shown


def meet_in_style(project: Project, new: str, old: str, *strengths: int) -> None:
    """An item for each answer, with these texts of `new` and `old`; positive: new is better."""
    for n, strength in enumerate(strengths):
        texts = [f"{new} {n:02}", f"{old} {n:02}"]
        make_annotation(make_item(project, texts, sources=["new", "old"]), strength=strength)


def test_a_source_that_wins_by_style_alone_is_equal_where_all_write_alike(project: Project) -> None:
    """`new` is bold half the time and wins 4 of 5 then; else each wins half."""
    meet_in_style(project, "**one**", "another", *[1, 1, 1, 1, -1] * 10)
    meet_in_style(project, "someone", "another", *[1, -1] * 25)
    written, alike = leaderboard_page(project), leaderboard_page(project, is_alike=True)
    assert (written.lines[0].name, written.lines[0].standing.rank) == ("new", 1)
    assert written.lines[1].standing.rank == 2
    assert [line.standing.rank for line in alike.lines] == [1, 1]
    assert alike.lines[0].standing.field == pytest.approx(0.5, abs=1e-6)
    assert (alike.features, alike.why_not) == (("bold words",), "")
    before = {line.name: line.as_written for line in alike.lines}
    assert before["new"] == written.lines[0].standing


def test_why_style_cannot_be_taken_out(project: Project) -> None:
    meet_in_style(project, "one", "two", *[1, -1] * 20)
    assert "do not differ in length or style" in leaderboard_page(project, is_alike=True).why_not
    elsewhere = make_project()
    meet_in_style(elsewhere, "**one**", "another", *[1, 1, -1] * 20)
    page = leaderboard_page(elsewhere, is_alike=True)
    assert "cannot be told from the other" in page.why_not
    assert [line.as_written for line in page.lines] == [None, None]


def test_the_page_and_file_as_if_all_wrote_alike(project: Project, client: Client) -> None:
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    meet_in_style(project, "**one**", "another", *[1, 1, 1, 1, -1] * 10)
    meet_in_style(project, "someone", "another", *[1, -1] * 25)
    url = f"/projects/{project.slug}/leaderboard"
    shown = client.get(f"{url}/?style=alike").content.decode()
    assert "How responses differ in bold words is taken out" in shown
    assert "is taken out" not in client.get(f"{url}/").content.decode()
    rows = list(csv.DictReader(StringIO(client.get(f"{url}.csv?style=alike").content.decode())))
    assert {row["source"]: row["rank_as_written"] for row in rows} == {"new": "1", "old": "2"}
    assert {row["rank"] for row in rows} == {"1"}
