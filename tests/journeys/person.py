"""Somebody at a browser. PREFLOOP_SCREENSHOTS names a folder for pictures of what they look at,
narrow and wide, light and dark."""

import os
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import REPORT_VIOLATIONS
from tests.installation import Installation

WINDOWS = [(375, "light"), (375, "dark"), (1440, "light"), (1440, "dark")]


class Person:
    """Somebody at a browser of their own; whatever goes wrong there is kept in `troubles`."""

    def __init__(self, browser: Browser, installation: Installation, username: str) -> None:
        self.username = username
        self.troubles: list[str] = []
        self.pictures = 0
        context = browser.new_context(
            base_url=f"http://127.0.0.1:{installation.port}",
            viewport={"width": 1440, "height": 900},
            accept_downloads=True,
        )
        context.set_default_timeout(30_000)
        context.add_init_script(REPORT_VIOLATIONS)
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.troubles.append(said.text) if said.type == "error" else None,
        )
        self.page.on(
            "response",
            lambda got: (
                self.troubles.append(f"{got.status} {got.url}") if got.status >= 400 else None
            ),
        )
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.sign_in(re.search(rf"{username}\s+(\S+)", installation.said())[1])  # type: ignore[index]

    def sign_in(self, password: str) -> None:
        self.page.goto("/")
        self.page.get_by_label("Username").fill(self.username)
        self.page.get_by_label("Password").fill(password)
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()
        self.look("signed_in")

    def look(self, name: str) -> None:
        """Take pictures of the page as it stands, if somebody wants to see them."""
        folder = os.environ.get("PREFLOOP_SCREENSHOTS")
        if not folder:
            return
        self.pictures += 1
        for width, scheme in WINDOWS:
            self.page.set_viewport_size({"width": width, "height": 812 if width < 400 else 900})
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.wait_for_timeout(150)
            file = f"{self.username}_{self.pictures:02}_{name}_{width}_{scheme}.png"
            self.page.screenshot(path=Path(folder) / file, full_page=True)
        self.page.emulate_media(color_scheme="light")
