"""Checks that any page's browser test can use."""

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Only what is wrong comes back: all that is right is megabytes for a page with a list.
RUN_AXE = """
async (tags) => {
  const found = await axe.run(document, {
    runOnly: {type: "tag", values: tags}, resultTypes: ["violations"], elementRef: false,
  });
  return found.violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html} (${node.failureSummary})`));
}
"""


@cache
def axe_script() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text()


def assert_no_axe_violations(page: Page) -> None:
    """No violation of a WCAG 2.2 A or AA rule that axe can find on the page as it stands."""
    page.evaluate(axe_script())
    found = page.evaluate(RUN_AXE, WCAG_AA)
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
