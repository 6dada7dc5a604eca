"""The machine's own Chromium."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Debian's Chromium would draw with a GPU that it has to imitate, at several times the cost.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-gpu-rasterization"]
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI || event.sourceFile}`);
});
"""


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A browser for one test or many; the test is skipped where no Chromium is installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"needs a Chromium: none of {', '.join(NAMES)} is installed")
    started = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield started
    started.close()
