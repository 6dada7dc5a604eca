"""The annotators page, read and acted on as managers do."""

import random
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect
from pytest_django import Settings

from annotation import services
from annotation.models import Annotation, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_assignment, make_item, make_member
from training.services import freeze_snapshot

ITEMS = 24


def let_judge(project: Project) -> None:
    """Four who mostly see which response is better, and one who looks at the left alone; some
    reasons, some weeks, some gold."""
    draw = random.Random(0)
    names = ("Ann", "Ben", "Cat_with_a_rather_long_name", "Dan", "Lefty")
    people = [make_member(project, username=name) for name in names]
    for number in range(ITEMS):
        texts = ["It is right. " * 9, "It is wrong, and says so at length. " * 9]
        item = make_item(
            project,
            [f"{number} {text}" for text in texts[:: 1 if number % 2 else -1]],
            answers_wanted=5,
        )
        for person in people:
            turn = make_assignment(item, person)
            is_lefty = person is people[-1]
            is_right = draw.random() < 0.9
            first = turn.display_order[0] == 0 if is_lefty else is_right == bool(number % 2)
            said = services.submit_answer(
                turn,
                answer={"strength": 2 if first else -2, "both_bad": False},
                rationale="The left one reads better to me." if is_lefty else "",
                submit_key="k",
                seconds=2.0 if is_lefty else 30.0,
            )
            weeks = timedelta(weeks=(ITEMS - number) // 4)
            Annotation.objects.filter(pk=said.pk).update(created=said.created - weeks)
    gold = project.items.order_by("pk")[: ITEMS // 4]
    for number, item in enumerate(gold):
        answer = {"strength": 2 if number % 2 else -2, "both_bad": False}
        services.make_gold(item, kind="hidden", answer=answer, reason="It is right.")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
@pytest.mark.usefixtures("training_folders")
def test_a_manager_finds_out_who_does_not_read(
    open_page: OpenPage,
    project: Project,
    manager: User,
    width: int,
    scheme: str,
    settings: Settings,
) -> None:
    let_judge(project)
    freeze_snapshot(project, {}, manager)
    page = open_page(manager, "/projects/demo/bias/", width=width, scheme=scheme)
    page.get_by_role("navigation", name="Results").get_by_role("link", name="Annotators").click()
    expect(page.get_by_role("heading", name="1 of 5 people should be looked at")).to_be_visible()
    people = page.get_by_role("region", name="People", exact=True).first
    lefty = people.get_by_role("row").nth(1)
    expect(lefty).to_contain_text("Lefty")
    expect(lefty.get_by_text("prefer the response shown first")).to_be_hidden()
    lefty.get_by_text("Always the same place").click()
    expect(lefty.get_by_text("prefer the response shown first")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    lefty.get_by_role("button", name="0 for Lefty", exact=True).click()
    expect(page.get_by_text("The answers of Lefty weigh 0 now.")).to_be_visible()

    page.get_by_role("link", name="Lefty").click()
    expect(page.get_by_role("heading", name="Evidence")).to_be_visible()
    expect(page.get_by_role("region", name="Runs that used these answers").last).to_contain_text(
        "no run yet"
    )
    page.get_by_text("What was also looked for").click()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.get_by_label("Another weight").fill("0.25")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.get_by_text("The answers of Lefty weigh 0.25 now.")).to_be_visible()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("Lefty is paused, and told why.")).to_be_visible()
    page.goto(f"/projects/demo/annotators/{User.objects.get(username='Lefty').pk}/runs/")
    expect(page.get_by_role("link", name="Back to Lefty")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
