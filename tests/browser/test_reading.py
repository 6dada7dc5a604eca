"""Responses read one by one before they are compared."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.models import Annotation, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item

SCREEN = "/projects/demo/annotate/"


@pytest.fixture
def careful_project(project: Project) -> Project:
    services.update_project(project, task_config={"read_first": True})
    return project


def letters(page: Page) -> list[str]:
    """The letters of the responses that can be seen."""
    return [
        heading.text_content() or ""
        for heading in page.locator(".response__letter").all()
        if heading.is_visible()
    ]


def test_the_question_comes_when_every_response_was_read(
    open_page: OpenPage, annotator: User, careful_project: Project
) -> None:
    make_item(careful_project, ["left", "right"])
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    scale, submit = page.locator(".scale"), page.get_by_role("button", name="Submit")
    place = page.locator(".gate__said")
    expect(place).to_have_text("Response A: 1 of 2")
    assert letters(page) == ["Response A"]
    expect(scale).to_be_hidden()
    for key in ("1", "b", "r", "ArrowLeft", "d"):  # nothing can be answered, nothing typed
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(place).to_have_text("Response B: 2 of 2")
    assert letters(page) == ["Response B"]
    page.keyboard.press("ArrowLeft")
    expect(place).to_have_text("Response A: 1 of 2")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Compare them")).to_be_visible()
    expect(submit).to_be_hidden()
    page.keyboard.press("Enter")
    expect(scale).to_be_visible()
    assert letters(page) == ["Response A", "Response B"]
    expect(page.locator("#stage input:checked")).to_have_count(0)
    assert Annotation.objects.count() == 0
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    assert Annotation.objects.count() == 1
    # Whoever goes back to an answer has read.
    page.keyboard.press("u")
    expect(scale).to_be_visible()
    assert letters(page) == ["Response A", "Response B"]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_it_is_done_by_pointer_and_everyone_can(
    open_page: OpenPage, annotator: User, careful_project: Project, width: int, scheme: str
) -> None:
    text = "A long response. " * 120
    make_item(careful_project, [text + "1", text + "2", text + "3"], task_type="ranking")
    page = open_page(annotator, SCREEN, width=width, scheme=scheme)
    for letter in "ABC":
        expect(page.locator(".gate__said")).to_contain_text(f"Response {letter}")
        assert letters(page) == [f"Response {letter}"]
        assert_no_axe_violations(page)
        assert_no_sideways_scroll(page)
        page.locator("[data-action=readOn]").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    assert letters(page) == ["Response A", "Response B", "Response C"]
    assert_no_axe_violations(page)


def test_an_answer_that_was_begun_goes_on_where_it_was(
    open_page: OpenPage, annotator: User, careful_project: Project
) -> None:
    make_item(careful_project)
    page = open_page(annotator, SCREEN)
    expect(page.locator(".gate__said")).to_be_visible()
    page.keyboard.press("Enter")
    page.reload()  # nothing was begun: it is read from the start
    expect(page.locator(".gate__said")).to_have_text("Response A: 1 of 2")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.route("**/draft/", lambda route: route.abort())  # only this browser has the draft
    page.keyboard.press("3")
    expect(page.locator(".answer__draft")).to_have_text("Draft kept on this device")
    page.reload()
    expect(page.locator(".scale input:checked")).to_have_count(1)
    expect(page.locator(".scale")).to_be_visible()


def test_an_item_can_be_skipped_while_it_is_read(
    open_page: OpenPage, annotator: User, careful_project: Project
) -> None:
    make_item(careful_project)
    page = open_page(annotator, SCREEN)
    expect(page.locator(".gate__said")).to_be_visible()
    page.keyboard.press("s")
    page.keyboard.press("1")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()


@pytest.mark.parametrize("task_type", ["likert", "demonstration"])
def test_what_a_task_type_asks_beside_its_responses_comes_afterwards(
    open_page: OpenPage, annotator: User, careful_project: Project, task_type: str
) -> None:
    make_item(careful_project, ["left", "right"], task_type=task_type)
    page = open_page(annotator, SCREEN)
    expect(page.locator(".gate__said")).to_have_text("Response A: 1 of 2")
    controls = page.locator(".item__texts").locator("input, textarea, button")
    assert controls.count() > 0
    for _ in range(2):
        assert not any(control.is_visible() for control in controls.all())
        assert len(letters(page)) == 1
        page.keyboard.press("Enter")
    assert any(control.is_visible() for control in controls.all())
    assert letters(page) == ["Response A", "Response B"]
    assert_no_axe_violations(page)
