"""What goes wrong on the annotator's screen: it is said where it is seen, and nothing is lost."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.models import Annotation, Flag, Project
from tests.browser.conftest import OpenPage
from tests.browser.test_annotate import REASON, SCREEN, drafted, shown, wait_for_other
from tests.builders import make_annotation, make_item, make_prompt

AT_ITS_MIDDLE = """box => {
  const { left, top, width, height } = box.getBoundingClientRect();
  return box.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""


@pytest.fixture
def screen(open_page: OpenPage, annotator: User, project: Project) -> Page:
    for number in range(3):
        make_item(project, prompt=make_prompt(project, f"Question {number}?"))
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    return page


@pytest.mark.parametrize(("width", "height"), [(375, 667), (768, 1024), (1440, 900)])
def test_what_is_missing_is_seen_on_every_screen(
    open_page: OpenPage, annotator: User, project: Project, width: int, height: int
) -> None:
    config = {"rationale": "required", "dimensions": ["honesty"], "dimensions_required": True}
    services.update_project(project, task_config=config)
    make_item(project, ["It depends. " * 60, "Yes. " * 100])
    page = open_page(annotator, SCREEN, width=width, height=height)
    submit = page.get_by_role("button", name="Submit")
    said = page.locator(".answer__errors")

    def assert_seen(words: str) -> None:
        expect(said).to_contain_text(words)
        assert said.evaluate(AT_ITS_MIDDLE)

    submit.click()
    assert_seen("Choose")
    page.keyboard.press("1")
    page.evaluate("scrollTo(0, 0)")
    submit.click()
    assert_seen("honesty")
    page.get_by_role("group", name="honesty").get_by_text("A", exact=True).last.click()
    page.evaluate("scrollTo(0, 0)")
    submit.click()
    assert_seen("Say in a few words why.")
    reason = page.get_by_role("textbox", name=REASON)
    expect(reason).to_be_focused()
    expect(reason).to_be_in_viewport()
    assert reason.evaluate(AT_ITS_MIDDLE)
    page.keyboard.type("It is")
    expect(said).to_be_hidden()


def test_a_flag_waits_for_the_network_whatever_is_done_meanwhile(screen: Page) -> None:
    key = shown(screen)
    screen.context.set_offline(True)
    screen.keyboard.press("f")
    screen.keyboard.press("1")
    screen.get_by_role("dialog").get_by_role("textbox").fill("My phone number is in it.")
    screen.get_by_role("dialog").get_by_role("button", name="Flag").click()
    expect(screen.locator("#banner")).to_contain_text("What you wrote is kept")
    screen.keyboard.press("3")
    screen.context.set_offline(False)
    screen.keyboard.press("Enter")
    wait_for_other(screen, key)
    expect(screen.locator("#banner")).to_be_hidden()
    screen.keyboard.press("2")
    drafted(screen)
    assert Flag.objects.get().note == "My phone number is in it."
    assert Annotation.objects.count() == 1


def test_an_answer_that_is_changed_meanwhile_is_sent_by_its_writer(screen: Page) -> None:
    key = shown(screen)
    screen.context.set_offline(True)
    screen.keyboard.press("7")
    screen.keyboard.press("Enter")
    expect(screen.locator("#banner")).to_contain_text("is sent as soon as it answers")
    screen.keyboard.press("6")
    expect(screen.locator("#banner")).to_contain_text("Send it when you are done")
    screen.context.set_offline(False)
    drafted(screen)
    assert Annotation.objects.count() == 0
    screen.keyboard.press("Enter")
    wait_for_other(screen, key)
    expect(screen.locator("#banner")).to_be_hidden()
    assert abs(Annotation.objects.get().answer["strength"]) == 2


def test_an_answer_that_was_changed_is_not_opened_again(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    said = make_annotation(make_item(project), annotator)
    make_item(project)
    key = str(said.assignment.key)
    page = open_page(annotator, f"{SCREEN}?change={key}")
    expect(page.locator(f'[data-assignment="{key}"]')).to_be_visible()
    page.reload()
    expect(page.locator(f'[data-assignment="{key}"]')).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    other = wait_for_other(page, key)
    expect(page).to_have_url(re.compile(f"{SCREEN}$"))
    page.reload()
    expect(page.locator(f'[data-assignment="{other}"]')).to_be_visible()
