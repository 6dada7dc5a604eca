"""Length and style, hurry and straight lines on the bias page: what each is made of, by hand."""

import csv
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import queries_writing, services
from annotation.models import Annotation, Assignment, Membership, Project
from annotation.queries_bias import bias_page
from tests.builders import make_assignment, make_item, make_member, make_project

pytestmark = pytest.mark.django_db


def answer(
    project: Project,
    person: User,
    texts: tuple[str, ...],
    strength: int,
    seconds: float | None = 60,
) -> Annotation:
    """Strength in canonical order; positive prefers the first text."""
    turn = make_assignment(make_item(project, texts), person)
    said = {"strength": strength, "both_bad": False}
    return services.submit_answer(turn, answer=said, submit_key="k", seconds=seconds)


def rows_of(client: Client, project: Project, table: str) -> list[dict[str, str]]:
    sent = client.get(f"/projects/{project.slug}/bias/{table}.csv")
    assert sent.status_code == 200
    return list(csv.DictReader(StringIO(sent.content.decode())))


# --- length and style -----------------------------------------------------------------------------


def test_the_longer_one_counts_where_it_is_longer_by_more_than_thirty(project: Project) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    answer(project, ann, ("a" * 41, "b" * 10), 2)
    answer(project, ann, ("a" * 10, "b" * 60), 1)
    answer(project, ben, ("a" * 90, "b" * 10), 3)
    answer(project, ben, ("a" * 40, "b" * 10), 2)  # thirty
    answer(project, ben, ("a" * 80, "b" * 10), 0)  # a tie
    page = bias_page(project)
    assert page.style is not None
    assert (page.style.longer.k, page.style.longer.n) == (2, 3)
    assert {each.name: (each.share.k, each.share.n) for each in page.readers} == {
        "ann": (1, 2),
        "ben": (1, 1),
    }
    length = page.style.lines[0].effect
    assert (length.n, length.chance) == (5, None)
    assert "fewer than 30 items" in length.why
    assert "too little yet" in page.style.sentence


def test_bold_words_that_win_are_said_in_a_sentence(project: Project) -> None:
    ann = make_member(project, username="ann")
    for n in range(40):
        answer(project, ann, (f"**one** {n:02}", f"anybody {n:02}"[:10]), 2 if n % 5 else -2)
    page = bias_page(project)
    assert page.style is not None
    bold = page.style.lines[3].effect
    assert bold.n == 40
    assert bold.chance == pytest.approx(0.8, abs=0.02)
    assert "One with bold words beside one without is preferred 80" in page.style.sentence
    assert page.style.longer.n == 0
    assert page.style.lines[1].says == "No two responses that were compared differ in it."


# --- hurry ----------------------------------------------------------------------------------------


def test_the_words_of_prompt_and_responses_are_held_against_the_seconds(project: Project) -> None:
    """1 + 59 + 59 = 119 words are 10 seconds at 11.9 a second."""
    ann = make_member(project, username="ann")
    for seconds in (9.9, 10.1, 60.0):
        texts = ("one " * 59 + str(seconds), "two " * 58 + "end")
        item = make_item(project, texts)
        assert item.prompt.messages[0]["content"].startswith("Question ")  # of two words
        turn = make_assignment(item, ann)
        said = {"strength": 1, "both_bad": False}
        services.submit_answer(turn, answer=said, submit_key="k", seconds=seconds - 10 + 121 / 11.9)
    answer(project, ann, ("a", "b"), 1, seconds=None)
    page = bias_page(project)
    assert page.speed is not None
    assert (page.speed.all.k, page.speed.all.n, page.speed.untimed) == (1, 3, 1)


def test_who_changes_an_answer_has_read_before(project: Project) -> None:
    ann = make_member(project, username="ann")
    long = ("word " * 300, "other " * 300)
    first = answer(project, ann, long, 2, seconds=200)
    services.submit_answer(
        first.assignment,
        answer={"strength": -1, "both_bad": False},
        submit_key="again",
        seconds=1,
    )
    page = bias_page(project)
    assert page.speed is not None
    assert (page.speed.all.k, page.speed.all.n) == (0, 1)


def test_who_hurries_is_named(project: Project) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    for n in range(6):
        answer(project, ann, (f"{n} " * 200, "b " * 200), 1, seconds=3)
        answer(project, ben, (f"{n} " * 200, "c " * 200), 1, seconds=90)
    page = bias_page(project)
    assert [each.name for each in page.hurried if each.share.is_found()] == ["ann"]
    assert page.hurried[0].name == "ann"
    assert page.speed_sentence.startswith("ann answers too fast to have read everything")


# --- straight lines -------------------------------------------------------------------------------


def click(project: Project, person: User, shown: int) -> None:
    """Strength as displayed: positive for the left."""
    turn = make_assignment(make_item(project), person)
    sign = 1 if turn.display_order[0] == 0 else -1
    said = {"strength": sign * shown, "both_bad": False}
    services.submit_answer(turn, answer=said, submit_key="k")


def test_clicks_count_as_they_were_displayed(project: Project) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    for n in range(60):
        click(project, ben, (3, 1, 0, -2, 2, -1, -3)[n % 7])
    for _ in range(15):
        click(project, ann, 2)
    page = bias_page(project)
    first = page.repeaters[0]
    assert (first.name, first.line.said, first.line.reasons) == ("ann", "A is better", "one answer")
    assert (first.line.found.most, first.line.found.run) == (15, 15)
    assert page.straight_lining_sentence.startswith("ann gives the same answer more often")
    assert page.repeaters[1].line.reasons == ""


def test_who_is_asked_something_else_is_not_compared_with_the_others(project: Project) -> None:
    """Twenty thumbs up of twenty, beside sixty comparisons of somebody else."""
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    for n in range(60):
        click(project, ben, (3, 1, 0, -2, 2, -1, -3)[n % 7])
    for n in range(20):
        turn = make_assignment(make_item(project, [f"a{n}"], task_type="thumbs"), ann)
        services.submit_answer(turn, answer={"good": True}, submit_key="k")
    page = bias_page(project)
    kinds = {each.name: each.line.kind for each in page.repeaters}
    assert kinds == {"ann": "Thumbs up or down", "ben": "Pairwise comparison"}
    assert page.straight_lining.found == 0
    assert page.straight_lining_sentence == "Nobody gives the same answer again and again."


def test_likert_ratings_on_one_stop_are_counted() -> None:
    project = make_project(task_type="likert")
    names = ("helpful", "honest", "harmless")
    for stops in ((4, 4, 4), (4, 4, 5), (2, 2, 2)):
        turn = make_assignment(make_item(project, ["a"]))
        said = {"stops": 5, "ratings": [dict(zip(names, stops, strict=True))]}
        services.submit_answer(turn, answer=said, submit_key="k")
    page = bias_page(project)
    assert page.straight_lining.has_ratings
    found = [each.line.found for each in page.repeaters]
    assert sorted((each.flat, each.rated) for each in found) == [(0, 1), (1, 1), (1, 1)]


# --- all together ---------------------------------------------------------------------------------


def test_an_empty_project_says_so(project: Project, client: Client) -> None:
    page = bias_page(project)
    assert page.straight_lining_sentence == "Nobody has answered yet."
    assert page.speed_sentence == "No answer came with the time it took yet."
    assert page.style is not None
    assert page.style.sentence.startswith("No two responses that differ")
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    assert client.get(f"/projects/{project.slug}/bias/").status_code == 200


def test_tables_are_files(project: Project, client: Client) -> None:
    ann = make_member(project, username="ann")
    answer(project, ann, ("a" * 80, "b"), 2, seconds=0.01)
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    assert rows_of(client, project, "longer")[1]["longer_preferred"] == "1"
    assert rows_of(client, project, "speed")[1]["too_fast"] == "1"
    lines = rows_of(client, project, "straight_lining")
    assert [(row["person"], row["times"], row["longest_run"]) for row in lines] == [
        ("ann", "1", "1")
    ]
    effects = rows_of(client, project, "style")
    assert [row["feature"] for row in effects] == ["length", "headers", "lists", "bold words"]
    assert (effects[0]["preferred"], effects[0]["comparisons"]) == ("", "1")
    assert client.get(f"/projects/{project.slug}/bias/nothing.csv").status_code == 404


def test_while_texts_are_read_the_page_says_how_far(
    project: Project, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries_writing, "PATIENCE", -1)
    monkeypatch.setattr(queries_writing, "FETCHED", 1)
    answer(project, make_member(project, username="ann"), ("a" * 80, "b"), 2)
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    shown = client.get(f"/projects/{project.slug}/bias/").content.decode()
    assert "read for the first time: 1 of 2 so far" in shown
    assert "Length and style" not in shown
    # the next one reads the other response, and has done
    assert "Length and style" in client.get(f"/projects/{project.slug}/bias/").content.decode()
    assert Assignment.objects.count() == 1
