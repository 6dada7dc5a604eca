"""The agreement page, read as researchers read it."""

import random

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from annotation.models import Membership, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_annotation, make_item, make_member, make_prompt


def people_of(project: Project) -> list[User]:
    names = ("Ann", "Ben", "Cat_with_a_rather_long_name")
    people = [make_member(project, username=name) for name in names]
    return [*people, make_member(project, Membership.Role.RESEARCHER, "rolf")]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_a_researcher_reads_how_far_people_agree(
    open_page: OpenPage, project: Project, researcher: User, width: int, scheme: str
) -> None:
    draw = random.Random(0)
    people = people_of(project)
    for number in range(12):
        prompt = make_prompt(project, category=("sums", "letters")[number % 2])
        sources = ["demo", ("new", "old")[number % 2]]
        item = make_item(project, prompt=prompt, sources=sources, answers_wanted=4)
        for person in people:
            usual = 1 if number % 3 else -1
            make_annotation(item, person, strength=draw.choice([3, 2, usual, usual]) * usual)
    page = open_page(researcher, "/projects/demo/results/", width=width, scheme=scheme)
    page.get_by_role("navigation", name="Results").get_by_role("link", name="Agreement").click()
    expect(page.get_by_role("heading", name="Which response is better")).to_be_visible()
    expect(page.get_by_role("region", name="By category").first).to_contain_text("letters")
    expect(page.get_by_role("region", name="People").first).to_contain_text("rolf researcher")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    everything = page.get_by_role("region", name="By what is compared").first
    everything.get_by_role("link", name="How clearly").click()
    expect(page.get_by_role("rowheader", name="Krippendorff’s α")).to_be_visible()
    with page.expect_download() as got:
        page.get_by_role("link", name="People as CSV").click()
    assert got.value.suggested_filename == "demo_agreement_people.csv"
    page.get_by_role("link", name="The most disputed items").click()
    expect(page.get_by_role("heading", name="Review")).to_be_visible()
    page.goto("/projects/demo/leaderboard/")
    expect(page.get_by_role("region", name="Standings").first).to_contain_text("demo")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.get_by_role("link", name="As if all wrote alike").click()
    expect(page.get_by_text("do not differ in length or style")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.goto("/projects/demo/bias/")
    expect(page.get_by_role("region", name="People by place").first).to_contain_text("rolf")
    expect(page.get_by_text("Nothing was asked again yet.")).to_be_visible()
    expect(page.get_by_role("region", name="People by speed").first).to_contain_text("rolf")
    expect(page.get_by_role("region", name="People by what they click").first).to_contain_text(
        "better"
    )
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


@pytest.mark.parametrize(("width", "scheme"), [(375, "light"), (1440, "dark")])
def test_a_researcher_reads_what_length_and_style_do(
    open_page: OpenPage, project: Project, researcher: User, width: int, scheme: str
) -> None:
    ann = make_member(project, username="Ann")
    for number in range(40):
        texts = [
            f"{'**Yes** ' * (number % 2)}one {number}" + " more" * (number % 7 + 10),
            f"{'# Yes ' * (number % 3 == 0)}two {number}" + " more" * (number % 11),
        ]
        item = make_item(project, texts, sources=["old", "new"])
        make_annotation(item, ann, strength=2 if number % 4 else -2)
    page = open_page(researcher, "/projects/demo/bias/", width=width, scheme=scheme)
    effects = page.get_by_role("region", name="What each does by itself").first
    expect(effects).to_contain_text("A response twice as long")
    expect(page.get_by_role("region", name="People by length").first).to_contain_text("Ann")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    with page.expect_download() as got:
        page.get_by_role("link", name="People by speed as CSV").click()
    assert got.value.suggested_filename == "demo_bias_speed.csv"
    page.get_by_role("link", name="The leaderboard as if all wrote alike").click()
    expect(page.get_by_role("columnheader", name="As written")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
