"""What a browser holds of an item after it was judged: nothing that says who wrote a response."""

from django.contrib.auth.models import User
from playwright.sync_api import expect

from annotation.models import Annotation, Project
from tests.browser.conftest import OpenPage
from tests.builders import make_item

HELD = """async () => {
  const databases = indexedDB.databases ? await indexedDB.databases() : [];
  const caches_ = "caches" in window ? await caches.keys() : [];
  return JSON.stringify([
    document.documentElement.outerHTML, document.cookie, document.title, location.href,
    { ...localStorage }, { ...sessionStorage }, databases, caches_,
    performance.getEntriesByType("resource").map((entry) => entry.name),
  ]);
}"""


def test_nothing_that_the_browser_holds_names_a_model(
    open_page: OpenPage, project: Project, annotator: User
) -> None:
    for number in range(3):
        sources = [f"canary_{number}_a", f"canary_{number}_b"]
        make_item(
            project,
            ["Warm words.", f"Cold words {number}."],
            sources=sources,
            key=f"canary{number}",
        )
    page = open_page(annotator, "/projects/demo/")
    got: list[str] = []
    page.on("response", lambda reply: got.append(f"{reply.url} {reply.headers} {reply.text()}"))
    page.goto("/projects/demo/annotate/")
    for number in range(2):
        expect(page.locator("[data-assignment]")).to_be_visible()
        key = page.locator("[data-assignment]").get_attribute("data-assignment")
        page.keyboard.press("r")
        page.keyboard.type(f"Reason {number}")
        expect(page.locator(".answer__draft")).to_have_text("Draft saved")
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        assert "canary" not in page.evaluate(HELD)
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-assignment='{key}']")).to_have_count(0)
    held = page.evaluate(HELD)
    assert "Cold words" in held  # it looks at what is shown
    assert "canary" not in held
    assert len(got) > 5
    assert not [each for each in got if "canary" in each.lower()]
    assert "SourceMap" not in "".join(got)
    assert Annotation.objects.count() == 2
