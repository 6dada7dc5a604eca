"""Texts that may be hard to read, and texts that run from right to left."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.models import Annotation, Assignment, CategoryOptOut, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item, make_prompt

SCREEN = "/projects/demo/annotate/"
HARM = "self-harm"


@pytest.fixture
def wary_project(project: Project) -> Project:
    """Two items of a category that is warned of, then one that is not."""
    services.update_project(project, task_config={"harm_categories": [HARM]})
    for number, category in enumerate([HARM, HARM, "kind"]):
        prompt = make_prompt(project, f"Question {number}?", category=category)
        make_item(project, [f"one {number}", f"two {number}"], prompt=prompt)
    return project


def warning(page: Page) -> Page:
    expect(page.get_by_role("heading", name=f"hard to read: {HARM}")).to_be_visible()
    return page


def can_be_read(page: Page) -> bool:
    """By a reader of screens: what is inert is not in the tree that it reads."""
    session = page.context.new_cdp_session(page)
    tree = session.send("Accessibility.getFullAXTree")["nodes"]
    names = [str(node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]]
    assert "Item" in names
    return any(name.startswith(("Question", "one ", "two ")) for name in names)


def test_the_texts_are_seen_by_choice_only(
    open_page: OpenPage, annotator: User, wary_project: Project
) -> None:
    page = warning(open_page(annotator, SCREEN))
    texts = page.locator(".responses")
    assert texts.evaluate("(it) => getComputedStyle(it).filter").startswith("blur")
    assert not can_be_read(page)
    for key in ("Enter", "1", "b", "d", "r", "ArrowRight"):  # none of these shows or answers it
        page.keyboard.press(key)
    warning(page)
    assert Annotation.objects.count() == 0
    page.keyboard.press("v")
    expect(page.locator(".warning")).to_have_count(0)
    assert texts.evaluate("(it) => getComputedStyle(it).filter") == "none"
    assert can_be_read(page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    warning(page)  # each item anew
    assert Annotation.objects.count() == 1


def test_opting_out_gives_back_what_is_held(
    open_page: OpenPage, annotator: User, wary_project: Project
) -> None:
    page = warning(open_page(annotator, SCREEN))
    page.keyboard.press("n")
    expect(page.get_by_text("Question 2?")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="shown no more of it")).to_have_count(1)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    assert Annotation.objects.get().assignment.item.prompt.category == "kind"
    statuses = Assignment.objects.exclude(status="answered").values_list("status", flat=True)
    assert set(statuses) == {"skipped"}
    assert CategoryOptOut.objects.get().category == HARM
    page.goto("/projects/demo/")
    page.get_by_role("link", name="Categories").click()
    box = page.get_by_label(HARM)
    expect(box).to_be_checked()
    assert_no_axe_violations(page)
    box.uncheck()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(box).not_to_be_checked()
    assert CategoryOptOut.objects.count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_everyone_can_use_the_warning(
    open_page: OpenPage, annotator: User, wary_project: Project, width: int, scheme: str
) -> None:
    services.update_project(
        wary_project, task_config={"harm_categories": [HARM], "read_first": True}
    )
    page = warning(open_page(annotator, SCREEN, width=width, scheme=scheme))
    expect(page.locator(".gate__said")).to_be_hidden()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.get_by_role("button", name="Show the texts").click()
    expect(page.locator(".gate__said")).to_have_text("Response A: 1 of 2")  # then they are read
    page.locator("[data-action=readOn]").click()
    page.locator("[data-action=readOn]").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    assert_no_axe_violations(page)
    page.goto("/projects/demo/categories/")
    expect(page.get_by_label(HARM)).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


# --- from right to left --------------------------------------------------------------------------

ARABIC = """العاصمة هي **القاهرة**، وهي أكبر مدينة (نحو 10 ملايين نسمة).

1. أولاً: استخدم `pip install x` هنا.
2. ثانياً: انتهى.

```python
print("مرحبا")  # why
```

An English paragraph in between, (with brackets).

> اقتباس قصير."""
HEBREW = """- פריט ראשון, version 2.0!
- פריט שני

| שם | value |
|---|---|
| אחד | 1 |"""


@pytest.mark.parametrize("width", [1440, 375])
def test_texts_run_from_right_to_left_where_they_should(
    open_page: OpenPage, annotator: User, project: Project, width: int
) -> None:
    prompt = make_prompt(project, "ما هي عاصمة مصر؟ (Cairo?)")
    make_item(project, [ARABIC, HEBREW], prompt=prompt)
    page = open_page(annotator, SCREEN, width=width)
    expect(page.locator("[data-assignment]")).to_be_visible()
    arabic = page.locator(".response__text").filter(has_text="القاهرة")
    hebrew = page.locator(".response__text").filter(has_text="פריט")

    def from_right(selector: str, inside: str = ".response__text") -> bool:
        """Whether the first line of the element's text begins at its right edge."""
        place = page.locator(f"{inside} {selector}").first
        gaps = place.evaluate(
            """(it) => {
              const range = document.createRange();
              range.selectNodeContents(it);
              const line = range.getClientRects()[0], box = it.getBoundingClientRect();
              return [line.left - box.left, box.right - line.right];
            }"""
        )
        return bool(gaps[1] < gaps[0])

    direction = "(it) => getComputedStyle(it).direction"
    assert page.locator(".message__text").evaluate(direction) == "rtl"
    for text in (arabic, hebrew):
        assert text.evaluate(direction) == "rtl"
    for markers in (arabic.locator("ol"), hebrew.locator("ul")):
        assert markers.evaluate("(it) => getComputedStyle(it).paddingRight") != "0px"
    for code in arabic.locator("pre, code").all():
        assert code.evaluate(direction) == "ltr"
    assert from_right("blockquote p")
    assert not from_right("p:has-text('An English paragraph')")
    reason = page.get_by_role("textbox", name="Reason")
    reason.fill("الأولى أدق")
    assert reason.evaluate(direction) == "rtl"
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    expect(page.locator(".response mark").first).to_be_visible()
    assert page.locator(".response__diff").first.evaluate(direction) == "rtl"
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
