"""The pages around the annotator's screen: usable by everyone, at any width, in both colours."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from annotation import services
from annotation.models import Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import PASSWORD, make_annotation, make_assignment, make_item

PAGES = [
    "/",
    "/projects/demo/",
    "/projects/demo/guidelines/",
    "/projects/demo/members/",
    "/projects/demo/settings/",
    "/projects/new/",
    "/accounts/password/change/",
    "/projects/absent/",
]


@pytest.fixture
def busy_project(project: Project, annotator: User) -> Project:
    make_annotation(make_item(project), annotator)
    services.flag(make_assignment(make_item(project), annotator), "Wrong language", "Dutch")
    services.new_guideline(project, "# Be kind\n\nPrefer the *kinder* one.\n\n1. `kind`\n2. short")
    return project


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_everyone_can_use_the_pages(
    open_page: OpenPage, busy_project: Project, manager: User, width: int, scheme: str
) -> None:
    page = open_page(manager, width=width, scheme=scheme)
    for path in PAGES:
        page.goto(path)
        expect(page.locator("h1").first).to_be_visible()
        assert_no_axe_violations(page)
        assert_no_sideways_scroll(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_sign_in(open_page: OpenPage, annotator: User, scheme: str) -> None:
    page = open_page(None, "/", width=375, height=700, scheme=scheme)
    assert_no_axe_violations(page)
    page.get_by_label("Username").fill(annotator.username)
    page.get_by_label("Password").fill("not it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not correct")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()


def test_a_manager_takes_somebody_in(open_page: OpenPage, project: Project, manager: User) -> None:
    page = open_page(manager, "/projects/demo/members/")
    page.get_by_label("Username").fill("newcomer")
    page.get_by_role("button", name="Add").click()
    password = page.locator("#new-password").text_content() or ""
    assert_no_axe_violations(page)
    other = open_page(None, "/accounts/login/")
    other.get_by_label("Username").fill("newcomer")
    other.get_by_label("Password").fill(password)
    other.keyboard.press("Enter")
    expect(other.get_by_role("link", name=project.name)).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove newcomer").click()
    expect(page.get_by_role("status")).to_contain_text("no longer in the project")
    other.reload()
    expect(other.get_by_text("You are not in a project")).to_be_visible()


def test_colours_are_chosen_once_for_all_pages(open_page: OpenPage, annotator: User) -> None:
    page = open_page(annotator, "/")
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(colour)
    page.get_by_role("button", name="Colours").click()  # light
    page.get_by_role("button", name="Colours: light").click()
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    expect(page.locator("html")).not_to_have_css("background-color", light)
    dark = page.evaluate(colour)
    page.goto("/projects/demo/annotate/")
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()
    expect(page.locator("html")).to_have_css("background-color", dark)


def test_the_admin_looks_like_the_rest(
    open_page: OpenPage, busy_project: Project, admin: User
) -> None:
    page = open_page(admin, "/admin/")
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    assert_no_axe_violations(page)
    page.get_by_role("link", name="Back to the projects").click()
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
