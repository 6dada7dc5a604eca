"""Writing the ideal response, as a person does it."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, expect

from annotation import services
from annotation.models import Annotation, Assignment, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item, make_member, make_project, make_prompt

SCREEN = "/projects/written/annotate/"


@pytest.fixture
def written(db: None) -> Project:
    return make_project("written", task_type="demonstration")


@pytest.fixture
def writer(written: Project) -> User:
    return make_member(written, username="writer")


TYPE = """(editor, text) => {
    editor.value = text;
    editor.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def blank(project: Project, text: str = "") -> None:
    assert services.queue_item(project, make_prompt(project, text), [], key=f"blank {text}")


def editor(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your response")


def test_a_response_is_written_from_nothing_by_keyboard_alone(
    open_page: OpenPage, written: Project, writer: User
) -> None:
    blank(written, "First?")
    blank(written, "Second?")
    page = open_page(writer, SCREEN)
    keyboard = page.keyboard
    expect(page.get_by_text("First?")).to_be_visible()
    keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Write the response first")).to_be_visible()
    expect(editor(page)).to_be_focused()
    keyboard.type("Dear reader,")
    keyboard.press("Enter")
    keyboard.type("suns **up**.")
    expect(page.locator(".editor__words")).to_have_text("4 words")
    keyboard.press("Escape")
    keyboard.press("p")
    expect(page.get_by_role("region", name="Preview").locator("strong")).to_have_text("up")
    keyboard.press("e")
    keyboard.press("Control+End")
    keyboard.type(" Bye.")
    expect(page.get_by_role("region", name="Preview")).to_contain_text("Bye.")
    keyboard.press("Escape")  # sent from anywhere, not only out of the text
    keyboard.press("Control+Enter")
    expect(page.get_by_text("Second?")).to_be_visible()
    assert Annotation.objects.get().answer == {
        "text": "Dear reader,\nsuns **up**. Bye.",
        "edited": None,
    }

    keyboard.press("u")
    expect(page.get_by_text("First?")).to_be_visible()
    expect(editor(page)).to_have_value("Dear reader,\nsuns **up**. Bye.")
    keyboard.press("0")
    keyboard.type("Short.")
    keyboard.press("Escape")
    keyboard.press("Enter")
    expect(page.get_by_text("Second?")).to_be_visible()
    newest = Annotation.objects.filter(kind="answer").latest("revision")
    assert newest.answer == {"text": "Short.", "edited": None}


def test_a_response_is_edited_by_keyboard_alone(
    open_page: OpenPage, written: Project, writer: User
) -> None:
    make_item(written, ["The cat sat.", "It *rained*."])
    page = open_page(writer, SCREEN)
    keyboard = page.keyboard
    expect(page.locator("[data-assignment]")).to_be_visible()
    order = Assignment.objects.get().display_order
    keyboard.press(str(order.index(0) + 1))
    expect(editor(page)).to_be_focused()
    expect(editor(page)).to_have_value("The cat sat.")
    keyboard.press("Escape")
    keyboard.press("d")
    keyboard.press("e")
    keyboard.press("Control+Home")
    for _ in range(4):
        keyboard.press("ArrowRight")
    for _ in range(3):
        keyboard.press("Delete")
    keyboard.type("dog")
    changes = page.get_by_role("region", name="Changes")
    expect(changes.locator("del")).to_have_text("cat")
    expect(changes.locator("ins")).to_have_text("dog")
    keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    assert Annotation.objects.get().answer == {
        "text": "The dog sat.",
        "edited": 0,
        "diff": [4, -3, "dog", 5],
    }
    keyboard.press("u")
    expect(editor(page)).to_have_value("The dog sat.")
    expect(page.locator(".editor__origin")).to_have_text(f"made from {'AB'[order.index(0)]}")


@pytest.mark.parametrize("width", [375, 1440])
def test_a_response_is_edited_by_pointer(
    open_page: OpenPage, written: Project, writer: User, width: int
) -> None:
    make_item(written, ["The cat sat. " * 40, "It *rained*."])
    page = open_page(writer, SCREEN, width=width)
    expect(page.locator("[data-assignment]")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    place = "AB"[Assignment.objects.get().display_order.index(1)]
    page.get_by_role("button", name=f"Start from {place}").click()
    editor(page).fill("It *snowed*.")
    page.get_by_role("button", name="Changes").click()
    changes = page.get_by_role("region", name="Changes")
    expect(changes.locator("ins")).to_have_text("snowed")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview").locator("em")).to_have_text("snowed")
    assert_no_axe_violations(page)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    assert Annotation.objects.get().answer["edited"] == 1


@pytest.mark.parametrize("width", [375, 1440])
def test_an_empty_page_is_written_on_by_pointer(
    open_page: OpenPage, written: Project, writer: User, width: int
) -> None:
    blank(written)
    page = open_page(writer, SCREEN, width=width)
    expect(editor(page)).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    editor(page).fill("Mine.")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    assert Annotation.objects.get().answer == {"text": "Mine.", "edited": None}


def test_what_was_written_is_not_lost_by_starting_over(
    open_page: OpenPage, written: Project, writer: User
) -> None:
    make_item(written, ["The cat sat.", "It rained."])
    page = open_page(writer, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    editor(page).fill("My own words.")
    page.get_by_role("button", name="Start from A").click()
    expect(editor(page)).not_to_have_value("My own words.")
    page.get_by_role("button", name="Put it back").click()
    expect(editor(page)).to_have_value("My own words.")
    expect(page.locator(".editor__origin")).to_have_text("from nothing")
    expect(page.get_by_role("button", name="Changes")).to_be_disabled()


def test_nothing_is_written_before_the_responses_were_read(
    open_page: OpenPage, written: Project, writer: User
) -> None:
    written.task_config = {"read_first": True}
    written.save(update_fields=["task_config"])
    make_item(written, ["The cat sat.", "It rained."])
    page = open_page(writer, SCREEN)
    expect(page.locator(".response:visible")).to_have_count(1)
    expect(editor(page)).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(editor(page)).to_be_visible()
    page.keyboard.press("1")
    expect(editor(page)).to_be_focused()


@pytest.mark.parametrize("lost", ["the page", "the browser's copy"])
def test_a_draft_of_a_text_survives(
    open_page: OpenPage, written: Project, writer: User, lost: str
) -> None:
    make_item(written, ["The cat sat.", "It rained."])
    page = open_page(writer, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("2")
    text = "A long sentence that goes on.\n" * 2_000  # more than a request that outlives the page
    editor(page).evaluate(TYPE, text)  # as if pasted: Playwright types line by line
    expect(page.locator(".answer__draft")).to_have_text("Draft saved")
    if lost == "the browser's copy":
        page.evaluate("localStorage.clear()")
    page.reload()
    expect(editor(page)).to_have_value(text)
    expect(page.locator(".editor__origin")).to_have_text("made from B")
