"""How people come in, used as people use it: invitations, the second factor, tokens."""

from copy import deepcopy

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from annotation import services
from annotation.models import Project
from tests.annotation.test_second_factor import code_of
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import PASSWORD, make_user
from tests.fake_openid import FakeOpenId

BOTH = pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])


def assert_usable(page: Page) -> None:
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


@BOTH
def test_a_manager_invites_and_somebody_new_comes_in_by_keyboard(
    open_page: OpenPage, project: Project, manager: User, width: int, scheme: str
) -> None:
    old, _ = services.create_invitation(project, by=manager, email="nina@example.org")
    services.accept_invitation(old, make_user("nina"))
    page = open_page(manager, "/projects/demo/members/", width=width, scheme=scheme)
    page.get_by_label("For how many people").fill("3")
    page.keyboard.press("Enter")
    link = page.locator("#new-link").inner_text()
    assert_usable(page)
    new = open_page(None, link, width=width, scheme=scheme)
    expect(new.get_by_role("heading", name="Join Demo")).to_be_visible()
    assert_usable(new)
    new.get_by_label("Username").focus()
    for text in ("newcomer", PASSWORD, "something else"):
        new.keyboard.type(text)
        new.keyboard.press("Tab")
    new.keyboard.press("Enter")
    expect(new.get_by_text("The two passwords differ.")).to_be_visible()
    assert_usable(new)
    new.get_by_label("Password", exact=True).fill(PASSWORD)
    new.get_by_label("Password again").fill(PASSWORD)
    new.keyboard.press("Enter")
    expect(new.get_by_text("Welcome.")).to_be_visible()
    page.goto("/projects/demo/members/")
    expect(page.get_by_text("1 of 3")).to_be_visible()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke").first.click()
    expect(page.get_by_text("The link does not work any more.")).to_be_visible()
    third = open_page(None, link, width=width, scheme=scheme)
    expect(third.get_by_role("alert")).to_contain_text("was revoked")
    assert_usable(third)


@BOTH
def test_the_second_factor_is_set_up_and_used_by_keyboard(
    open_page: OpenPage, project: Project, annotator: User, width: int, scheme: str
) -> None:
    page = open_page(annotator, "/account/", width=width, scheme=scheme)
    assert_usable(page)
    page.get_by_role("link", name="Set up").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Password")).to_be_focused()
    assert_usable(page)
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Code", exact=True)).to_be_focused()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    page.keyboard.type("000")
    page.keyboard.press("Enter")
    expect(page.get_by_text("This is not the code of now.")).to_be_visible()
    assert_usable(page)
    secret = page.locator("#totp-secret").inner_text().replace(" ", "")
    page.get_by_label("Code", exact=True).fill(code_of(secret))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    expect(page.locator(".codes li")).to_have_count(10)
    assert_usable(page)
    code = page.locator(".codes li").first.inner_text().strip()
    page.goto("/account/")
    assert_usable(page)
    page.goto("/accounts/2fa/totp/deactivate/")
    assert_usable(page)
    page.goto("/accounts/2fa/recovery-codes/generate/")
    assert_usable(page)
    new = open_page(None, "/accounts/login/", width=width, scheme=scheme)
    new.keyboard.type(annotator.username)
    new.keyboard.press("Tab")
    new.keyboard.type(PASSWORD)
    new.keyboard.press("Enter")
    expect(new.get_by_label("Code")).to_be_focused()
    assert_usable(new)
    new.keyboard.type(code)
    new.keyboard.press("Enter")
    expect(new.get_by_role("heading", name="Projects")).to_be_visible()


@BOTH
def test_somebody_invited_comes_in_by_single_sign_on(
    open_page: OpenPage,
    project: Project,
    manager: User,
    settings: Settings,
    width: int,
    scheme: str,
) -> None:
    server = FakeOpenId()
    settings.OIDC_IS_ON, settings.OIDC_NAME = True, "Example ID"
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [server.app()]}}
    policy = deepcopy(settings.CONTENT_SECURITY_POLICY)
    policy["DIRECTIVES"]["form-action"].append(server.url)
    settings.CONTENT_SECURITY_POLICY = policy
    page = open_page(None, "/accounts/login/", width=width, scheme=scheme)
    assert_usable(page)
    page.get_by_role("button", name="Sign in with Example ID").click()
    expect(page.get_by_role("alert")).to_contain_text("You are known there, but not here.")
    assert_usable(page)
    _, secret = services.create_invitation(project, by=manager)
    page.goto(f"/join/{secret}/")
    assert_usable(page)
    page.get_by_role("button", name="Sign in with Example ID").click()
    page.wait_for_url("**/projects/demo/")
    page.goto("/account/")
    expect(page.get_by_text("connected", exact=True)).to_be_visible()
    assert_usable(page)
    page.goto("/accounts/3rdparty/")
    assert_usable(page)
    server.close()


@BOTH
def test_a_token_is_made_and_everything_is_signed_out(
    open_page: OpenPage, project: Project, annotator: User, width: int, scheme: str
) -> None:
    page = open_page(annotator, "/account/", width=width, scheme=scheme)
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("#new-token")).to_be_visible()
    assert_usable(page)
    page.goto("/accounts/password/change/")
    assert_usable(page)
    page.goto("/account/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
