"""Ratings by attribute, used as a person uses them."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation.models import Annotation, Assignment, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item, make_member, make_project, make_prompt

SCREEN = "/projects/rated/annotate/"
TEXTS = [
    "Rayleigh scattering: short waves are scattered more than long ones, so the sky looks blue.",
    "Because it **reflects the sea**. " * 12,
]


@pytest.fixture
def rated(db: None) -> Project:
    return make_project("rated", task_type="likert", guideline="Read first, then rate.")


@pytest.fixture
def rater(rated: Project) -> User:
    return make_member(rated, username="rater")


def in_hand(page: Page) -> str:
    return page.locator(".rating.is-in-hand legend").text_content() or ""


def shown(page: Page) -> str:
    return page.locator("[data-assignment]").get_attribute("data-assignment") or ""


def canonical(assignment: Assignment, *by_place: dict[str, int | None]) -> dict[str, object]:
    ratings = [by_place[assignment.display_order.index(i)] for i in range(len(by_place))]
    return {"stops": 5, "ratings": ratings}


def test_ratings_by_keyboard_alone(open_page: OpenPage, rated: Project, rater: User) -> None:
    for number in range(3):
        make_item(rated, TEXTS, prompt=make_prompt(rated, f"Question {number}?"))
    page = open_page(rater, SCREEN)
    keyboard = page.keyboard
    expect(page.locator(".rated__progress")).to_have_text("0 of 6 rated")
    first = shown(page)
    assert in_hand(page) == "Response A: Helpful"
    keyboard.press("4")
    assert in_hand(page) == "Response A: Honest"
    keyboard.press("7")  # the scale has five stops
    expect(page.locator(".rated__progress")).to_have_text("1 of 6 rated")
    keyboard.press("x")
    keyboard.press("5")
    assert in_hand(page) == "Response B: Helpful"
    keyboard.press("Enter")
    missing = page.get_by_role("alert").filter(has_text="Not rated yet")
    expect(missing).to_have_text("Not rated yet: Helpful of B, Honest of B, Harmless of B.")
    assert Annotation.objects.count() == 0
    keyboard.press("1")
    keyboard.press("2")
    expect(missing).to_be_hidden()
    keyboard.press("ArrowUp")
    assert in_hand(page) == "Response B: Honest"
    keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="3, partly").nth(4)).to_be_checked()
    keyboard.press("ArrowDown")
    keyboard.press("5")
    expect(page.locator(".rated__progress")).to_have_text("6 of 6 rated")
    assert in_hand(page) == "Response B: Harmless"  # nothing is left: the hand rests
    keyboard.press("Enter")
    expect(page.locator(f'[data-assignment]:not([data-assignment="{first}"])')).to_be_visible()
    said = Annotation.objects.get()
    assert said.answer == canonical(
        said.assignment,
        {"helpful": 4, "honest": None, "harmless": 5},
        {"helpful": 1, "honest": 3, "harmless": 5},
    )

    keyboard.press("u")
    expect(page.locator(f'[data-assignment="{first}"]')).to_be_visible()
    expect(page.locator(".rated__progress")).to_have_text("6 of 6 rated")
    expect(page.get_by_role("radio", name="4, mostly").first).to_be_checked()
    keyboard.press("2")
    keyboard.press("Enter")
    expect(page.locator(f'[data-assignment]:not([data-assignment="{first}"])')).to_be_visible()
    newest = Annotation.objects.filter(kind="answer").latest("revision")
    assert newest.answer == canonical(
        newest.assignment,
        {"helpful": 2, "honest": None, "harmless": 5},
        {"helpful": 1, "honest": 3, "harmless": 5},
    )


def test_every_row_is_one_stop_of_the_tab_key(
    open_page: OpenPage, rated: Project, rater: User
) -> None:
    make_item(rated, TEXTS[:1])
    page = open_page(rater, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    visited = []
    for _ in range(5):
        page.keyboard.press("Tab")
        visited.append(page.evaluate("document.activeElement.name"))
    assert visited[:3] == ["rating_0_helpful", "rating_0_honest", "rating_0_harmless"]
    assert visited[3] == "rationale"


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("responses", [1, 2])
def test_ratings_by_pointer(
    open_page: OpenPage, rated: Project, rater: User, width: int, responses: int
) -> None:
    make_item(rated, TEXTS[:responses])
    page = open_page(rater, SCREEN, width=width)
    expect(page.locator("[data-assignment]")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    for row in page.locator(".rating").all():
        row.locator(".rating__stop").nth(1).click()
    page.locator(".rating__none").first.click()
    expect(page.locator(".rated__progress")).to_have_text(
        f"{3 * responses} of {3 * responses} rated"
    )
    assert_no_axe_violations(page)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    said = Annotation.objects.get()
    place = said.assignment.display_order[0]
    assert said.answer["ratings"][place] == {"helpful": None, "honest": 2, "harmless": 2}


def test_half_rated_is_there_again_after_a_reload(
    open_page: OpenPage, rated: Project, rater: User
) -> None:
    make_item(rated, TEXTS)
    page = open_page(rater, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("3")
    page.keyboard.press("x")
    expect(page.locator(".answer__draft")).to_have_text("Draft saved")
    page.evaluate("localStorage.clear()")
    page.reload()
    expect(page.locator(".rated__progress")).to_have_text("2 of 6 rated")
    expect(page.get_by_role("radio", name="3, partly").first).to_be_checked()
    assert in_hand(page) == "Response A: Harmless"


def test_ratings_wait_until_the_responses_were_read(
    open_page: OpenPage, rated: Project, rater: User
) -> None:
    rated.task_config = {"read_first": True}
    rated.save(update_fields=["task_config"])
    make_item(rated, TEXTS)
    page = open_page(rater, SCREEN)
    expect(page.locator(".response:visible")).to_have_count(1)
    expect(page.locator(".rating:visible")).to_have_count(0)
    page.keyboard.press("4")  # rates nothing yet
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".rating:visible")).to_have_count(6)
    expect(page.locator(".rated__progress")).to_have_text("0 of 6 rated")
    page.keyboard.press("4")
    expect(page.locator(".rated__progress")).to_have_text("1 of 6 rated")


def test_ten_stops_have_ten_keys_and_fit_a_phone(
    open_page: OpenPage, rated: Project, rater: User
) -> None:
    attribute = {"name": "clear", "label": "Clear", "question": "Is it easy to follow?"}
    rated.task_config = {"attributes": [attribute], "stops": 10, "words": []}
    rated.save(update_fields=["task_config"])
    make_item(rated, [*TEXTS, "A third one."])
    page = open_page(rater, SCREEN, width=375)
    expect(page.locator("[data-assignment]")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.keyboard.press("0")
    page.keyboard.press("9")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    said = Annotation.objects.get()
    order = said.assignment.display_order
    assert [said.answer["ratings"][index]["clear"] for index in order] == [10, 9, 1]


def test_a_scale_is_set_in_plain_lines(open_page: OpenPage, rated: Project, manager: User) -> None:
    page = open_page(make_member(rated, "manager"), "/projects/rated/settings/")
    page.get_by_label(re.compile("^What is rated")).fill("Clear\nTrue: Is it so?")
    page.get_by_label("Stops of the scale").fill("3")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Line 4: the scale has only 3 stops.")).to_be_visible()
    assert_no_axe_violations(page)
    page.get_by_label(re.compile("^Words of the stops")).fill("no\npartly\nyes")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    rated.refresh_from_db()
    assert rated.task_config["stops"] == 3
    assert rated.task_config["words"] == ["no", "partly", "yes"]
