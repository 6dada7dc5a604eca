"""Thumbs up or down, used as a person uses it."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from annotation.models import Annotation, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item, make_member, make_project

SCREEN = "/projects/thumbed/annotate/"


@pytest.fixture
def thumbed(db: None) -> Project:
    return make_project("thumbed", task_type="thumbs")


@pytest.fixture
def judge(thumbed: Project) -> User:
    return make_member(thumbed, username="judge")


def test_thumbs_by_keyboard_alone(open_page: OpenPage, thumbed: Project, judge: User) -> None:
    for number in range(4):
        make_item(thumbed, [f"Answer {number}."])
    page = open_page(judge, SCREEN)
    keyboard = page.keyboard
    said = []
    for number, (keys, good) in enumerate(
        [("1", True), ("n", False), (["ArrowLeft", "ArrowRight"], False)]
    ):
        expect(page.locator(".response__text")).to_have_text(f"Answer {number}.")
        if number == 0:
            keyboard.press("Enter")
            expect(page.get_by_role("alert").filter(has_text="Choose first")).to_be_visible()
        for key in keys:
            keyboard.press(key)
        keyboard.press("Enter")
        said.append(good)
    expect(page.locator(".response__text")).to_have_text("Answer 3.")
    assert [each.answer["good"] for each in Annotation.objects.order_by("pk")] == said

    keyboard.press("u")
    expect(page.locator(".response__text")).to_have_text("Answer 2.")
    expect(page.get_by_role("radio", name="Bad")).to_be_checked()
    keyboard.press("y")
    keyboard.press("Enter")
    expect(page.locator(".response__text")).to_have_text("Answer 3.")
    assert Annotation.objects.latest("pk").answer == {"good": True}


@pytest.mark.parametrize("width", [375, 1440])
def test_thumbs_by_pointer(open_page: OpenPage, thumbed: Project, judge: User, width: int) -> None:
    make_item(thumbed, ["A very long answer. " * 60])
    page = open_page(judge, SCREEN, width=width)
    expect(page.locator("[data-assignment]")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.locator(".thumb", has_text="Bad").click()
    assert_no_axe_violations(page)
    expect(page.locator(".answer__draft")).to_have_text("Draft saved")
    page.reload()
    expect(page.get_by_role("radio", name="Bad")).to_be_checked()
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    assert Annotation.objects.get().answer == {"good": False}
