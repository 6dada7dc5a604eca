"""Checks that any page's browser test can use."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def assert_no_axe_violations(page: Page) -> None:
    """No violation of a WCAG 2.2 A or AA rule that axe can find on the page as it stands."""
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG_AA}})
    found = [
        f"{violation['id']}: {node['html']} ({node['failureSummary']})"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]
    assert not found, f"{page.url}\n" + "\n".join(found)


def assert_no_sideways_scroll(page: Page) -> None:
    """The page is no wider than the window; wide content scrolls inside itself."""
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window, f"{page.url} is {wide} px wide in a window of {window}"


def wait_until(page: Page, expression: str, *, seconds: float = 20) -> None:
    """Wait for a JavaScript expression to become true. Playwright's own wait needs `eval` in the
    page, which our content security policy refuses."""
    for _ in range(int(seconds * 20)):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression} did not become true on {page.url}")
