"""The bias page: what each figure is made of, by hand."""

import csv
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import services
from annotation.models import Membership, Project
from annotation.queries_bias import bias_page
from tests.builders import make_assignment, make_item, make_member, make_project

pytestmark = pytest.mark.django_db


def prefer(project: Project, person: User, place: int, times: int = 1) -> None:
    """Answer so many items by preferring what is shown at this place."""
    for _ in range(times):
        turn = make_assignment(make_item(project), person)
        strength = 2 if turn.display_order[place] == 0 else -2
        answer = {"strength": strength, "both_bad": False}
        services.submit_answer(turn, answer=answer, submit_key="k")


def test_places_are_counted_whatever_the_canonical_order(project: Project) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    prefer(project, ann, 0, times=3)
    prefer(project, ann, 1, times=1)
    prefer(project, ben, 1, times=2)
    page = bias_page(project)
    assert (page.position.k, page.position.n) == (3, 6)
    found = {each.name: (each.share.k, each.share.n) for each in page.people}
    assert found == {"ann": (3, 4), "ben": (0, 2)}
    assert page.sentence == "Nothing shows that the place on the screen decides."


def test_answers_of_who_saw_no_screen_of_ours_have_no_place(project: Project) -> None:
    prefer(project, make_member(project, username="ann"), 0, times=2)
    item = make_item(project)
    answer = {"strength": 2, "both_bad": False}
    services.record_imported_answer(item, answer, annotator_name="hh")
    page = bias_page(project)
    assert (page.position.k, page.position.n) == (2, 2)
    assert [each.name for each in page.people] == ["ann"]


def test_who_always_takes_the_first_is_named(project: Project) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    prefer(project, ann, 0, times=12)
    prefer(project, ben, 0, times=4)
    prefer(project, ben, 1, times=6)
    page = bias_page(project)
    assert [each.name for each in page.people if each.share.is_found()] == ["ann"]
    assert page.people[0].name == "ann"
    assert "it does to ann" in page.sentence


def test_everybody_together_has_a_sentence_of_its_own(project: Project) -> None:
    for _ in range(3):
        prefer(project, make_member(project), 1, times=5)
    page = bias_page(project)
    assert page.position.p == pytest.approx(2 / 2**15)
    assert page.sentence.startswith("The response shown last is preferred more often")


def test_ties_and_both_bad_say_nothing_of_places(project: Project) -> None:
    ann = make_member(project)
    for answer in ({"strength": 0, "both_bad": False}, {"strength": 0, "both_bad": True}):
        turn = make_assignment(make_item(project), ann)
        services.submit_answer(turn, answer=answer, submit_key="k")
    page = bias_page(project)
    assert (page.position.n, page.people) == (0, [])
    assert page.sentence == "Nobody has preferred one response to another yet."


def test_of_a_ranking_each_pair_counts() -> None:
    """Shown as c a b and ranked as shown: all three pairs prefer the one shown before."""
    project = make_project(task_type="ranking")
    turn = make_assignment(make_item(project, texts="abc"))
    answer = {"groups": [[place] for place in turn.display_order]}
    services.submit_answer(turn, answer=answer, submit_key="k")
    page = bias_page(project)
    assert (page.position.k, page.position.n) == (3, 3)


def test_the_page_and_its_file(project: Project, client: Client) -> None:
    ann = make_member(project, username="ann")
    prefer(project, ann, 0, times=2)
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    shown = client.get(f"/projects/{project.slug}/bias/").content.decode()
    assert "100 % prefer the response shown first" in " ".join(
        shown.replace("</strong>", "").replace('<span class="muted">', "").split()
    ).replace("\u00a0", " ")
    sent = client.get(f"/projects/{project.slug}/bias/position.csv").content.decode()
    rows = list(csv.DictReader(StringIO(sent)))
    assert [(row["person"], row["first_preferred"], row["pairs"]) for row in rows] == [
        ("(all)", "2", "2"),
        ("ann", "2", "2"),
    ]
