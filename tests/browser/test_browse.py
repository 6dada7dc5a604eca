"""The data browser, as a researcher looks for items and retires some."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation.models import Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_annotation, make_item, make_prompt

pytestmark = pytest.mark.django_db(transaction=True)


def assert_usable(page: Page) -> None:
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_a_researcher_finds_items_and_retires_them(
    open_page: OpenPage, project: Project, researcher: User, width: int, scheme: str
) -> None:
    for number in range(3):
        text = f"When was bridge number {number} built, and by whom?"
        prompt = make_prompt(project, text, category="history")
        texts = [f"It opened in 189{number}." * 4, "I do not know, but I would ask the town hall."]
        item = make_item(project, texts, prompt=prompt, sources=["new", "old"], answers_wanted=2)
        make_annotation(item, rationale="It names the year.")
        make_annotation(item, strength=-2)
    page = open_page(researcher, "/projects/demo/imports/", width=width, scheme=scheme)
    page.get_by_role("navigation", name="Data").get_by_role("link", name="Browse").click()
    expect(page.get_by_role("heading", name="3 items")).to_be_visible()
    assert_usable(page)
    page.get_by_label("Words in the prompt or in a response").fill("BRIDGE 1892")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="When was bridge number 2")).to_be_visible()
    expect(page.get_by_role("link", name="When was bridge number 1")).to_have_count(0)
    assert_usable(page)
    page.get_by_role("link", name="When was bridge number 2").click()
    expect(page.get_by_text("It names the year.")).to_be_visible()
    assert_usable(page)
    page.go_back()
    page.get_by_label("Choose item").check()
    page.get_by_role("button", name="Retire").click()
    expect(page.get_by_role("heading", name="Retire 1 item?")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name="Retire").click()
    expect(page.get_by_role("status")).to_contain_text("1 item retired.")
