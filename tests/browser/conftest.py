"""A real Chromium against a real server: pages, people signed in, what the policy refused."""

import os
from collections.abc import Callable, Iterator
from threading import Lock
from time import sleep

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.browser.chromium import REPORT_VIOLATIONS, chromium

# Playwright keeps an event loop in this thread; the ORM is still used by one thread at a time.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, chromium(playwright) as started:
        yield started


@pytest.fixture
def csp_violations() -> list[str]:
    """What the content security policy refused on any page of this test. Should stay empty."""
    return []


@pytest.fixture
def page_errors() -> list[str]:
    """Exceptions that no script caught."""
    return []


class InFlight:
    """How many requests the server is at. The database is emptied only when there are none: a
    heartbeat that is still being answered would hold what TRUNCATE wants."""

    def __init__(self) -> None:
        self.count = 0
        self.lock = Lock()

    def begin(self, **_: object) -> None:
        with self.lock:
            self.count += 1

    def end(self, **_: object) -> None:
        with self.lock:
            self.count -= 1

    def wait_for_none(self, seconds: float = 20) -> None:
        """Return once the server has been idle for a fifth of a second."""
        idle = 0
        for _ in range(int(seconds * 20)):
            idle = idle + 1 if self.count <= 0 else 0
            if idle == 4:
                return
            sleep(0.05)


@pytest.fixture
def in_flight(live_server: LiveServer) -> Iterator[InFlight]:
    requests = InFlight()
    request_started.connect(requests.begin)
    request_finished.connect(requests.end)
    yield requests
    requests.wait_for_none()
    request_started.disconnect(requests.begin)
    request_finished.disconnect(requests.end)


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(
    browser: Browser,
    live_server: LiveServer,
    in_flight: InFlight,
    csp_violations: list[str],
    page_errors: list[str],
) -> Iterator[OpenPage]:
    """Open a page of a new browser profile: open_page(user, path, width=…, scheme="dark")."""
    contexts: list[BrowserContext] = []

    def open_one(
        user: User | None = None,
        path: str = "",
        *,
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
    ) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        contexts.append(context)
        context.set_default_timeout(20_000)
        context.add_init_script(REPORT_VIOLATIONS)
        if user is not None:
            sign_in(context, live_server, user)
        page = context.new_page()
        page.on(
            "console",
            lambda said: (
                csp_violations.append(said.text)
                if "CSP:" in said.text or "Content Security Policy" in said.text
                else None
            ),
        )
        page.on("pageerror", lambda error: page_errors.append(str(error)))
        if path:
            page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert csp_violations == []
    assert page_errors == []


def sign_in(context: BrowserContext, live_server: LiveServer, user: User) -> None:
    """Give the browser the user's session, without the detour over the login page."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    value = client.cookies[name].value
    context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
