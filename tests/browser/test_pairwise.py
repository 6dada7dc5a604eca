"""What a pairwise comparison can ask beyond the seven stops, used as a person uses it."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.models import Annotation, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item, make_prompt

SCREEN = "/projects/demo/annotate/"
RICH = {
    "scale": 8,
    "dimensions": ["Helpfulness", "Honesty", "Harmlessness"],
    "reasons": ["More accurate", "Better written", "Follows the instruction", "Safer"],
}
ONE = "The capital of Australia is **Sydney**, a harbour city.\n\n- It is large.\n- It is old."
TWO = "The capital of Australia is **Canberra**, an inland city.\n\n- It is large."


def as_shown(annotation: Annotation, value: int) -> int:
    """A stored sign as it stood on the screen: positive for A."""
    return value if annotation.assignment.display_order[0] == 0 else -value


def wait_for_the_end(page: Page) -> Annotation:
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    return Annotation.objects.select_related("assignment").get(kind="answer")


def open_one(
    open_page: OpenPage, annotator: User, project: Project, config: dict[str, object], **size: int
) -> Page:
    services.update_project(project, task_config=config)
    make_item(project, [ONE, TWO], prompt=make_prompt(project, "What is Australia’s capital?"))
    page = open_page(annotator, SCREEN, **size)
    expect(page.locator("[data-assignment]")).to_be_visible()
    return page


def test_every_part_is_answered_by_keyboard_alone(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    config = RICH | {"dimensions_required": True}
    page = open_one(open_page, annotator, project, config)
    keyboard = page.keyboard
    expect(page.locator(".scale__stops kbd")).to_have_text(list("12345678"))
    keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Choose first: keys 1 to 8")).to_be_visible()
    keyboard.press("8")
    keyboard.press("q")  # A
    keyboard.press("w")
    keyboard.press("w")  # equal
    keyboard.press("Enter")
    missing = page.get_by_role("alert").filter(has_text="better in Harmlessness too: key E")
    expect(missing).to_be_visible()
    keyboard.press("Shift+E")  # backwards: B
    keyboard.press("ArrowLeft")  # inside the dimension: equal
    keyboard.press("ArrowRight")  # and B again
    keyboard.press("x")
    keyboard.press("z")
    keyboard.press("z")  # ticked and unticked
    keyboard.press("a")  # no reason has this key
    keyboard.press("Enter")
    said = wait_for_the_end(page)
    assert said.answer is not None
    assert as_shown(said, said.answer["strength"]) == -4
    shown = {name: as_shown(said, value) for name, value in said.answer["dimensions"].items()}
    assert shown == {"Helpfulness": 1, "Honesty": 0, "Harmlessness": -1}
    assert said.answer["reasons"] == ["Better written"]
    assert said.answer["scale"] == 8


@pytest.mark.parametrize("width", [1440, 375])
def test_every_part_is_answered_by_pointer(
    open_page: OpenPage, annotator: User, project: Project, width: int
) -> None:
    page = open_one(open_page, annotator, project, RICH, width=width)
    honesty = page.get_by_role("group", name="Honesty")
    page.get_by_text("Follows the instruction").click()
    honesty.get_by_text("=", exact=True).click()
    helpfulness = page.get_by_role("group", name="Helpfulness")
    helpfulness.get_by_text("B", exact=True).click()
    expect(helpfulness.get_by_role("radio", name="B is better")).to_be_checked()
    helpfulness.get_by_text("B", exact=True).click()  # a second click takes it back
    expect(helpfulness.get_by_role("radio", name="B is better")).not_to_be_checked()
    page.locator(".stop").nth(1).click()
    if width == 375:
        expect(page.locator(".scale__caption")).to_have_text("A is better")
    page.get_by_role("button", name="Submit").click()
    said = wait_for_the_end(page)
    assert said.answer is not None
    assert as_shown(said, said.answer["strength"]) == 3
    assert said.answer["dimensions"] == {"Honesty": 0}
    assert said.answer["reasons"] == ["Follows the instruction"]


def test_a_draft_and_an_undone_answer_bring_every_part_back(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    page = open_one(open_page, annotator, project, RICH)
    for key in ("2", "w", "x"):
        page.keyboard.press(key)
    expect(page.locator(".answer__draft")).to_have_text("Draft saved")
    page.reload()
    honesty = page.get_by_role("group", name="Honesty")
    written = page.get_by_role("checkbox", name="Better written")
    expect(honesty.get_by_role("radio", name="A is better")).to_be_checked()
    expect(written).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    page.keyboard.press("u")
    expect(page.get_by_role("radio", name="A is better", exact=True).first).to_be_checked()
    expect(honesty.get_by_role("radio", name="A is better")).to_be_checked()
    expect(written).to_be_checked()


@pytest.mark.parametrize("scale", [2, 4, 5, 8, 9])
def test_the_caption_of_a_narrow_screen_says_each_stop(
    open_page: OpenPage, annotator: User, project: Project, scale: int
) -> None:
    page = open_one(open_page, annotator, project, {"scale": scale}, width=375)
    caption = page.locator(".scale__caption")
    for stop in page.locator(".scale__stops .stop").all():
        stop.click()
        expect(caption).to_have_text(stop.locator(".stop__words").text_content() or "")
        box = stop.bounding_box()
        assert box is not None
        assert box["width"] >= 24  # a target that a finger hits
        fits = "(stop) => stop.scrollWidth <= stop.clientWidth"
        assert stop.evaluate(fits), "the short name does not fit"
    assert_no_sideways_scroll(page)
    assert_no_axe_violations(page)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_everyone_can_use_all_of_it(
    open_page: OpenPage, annotator: User, project: Project, width: int, scheme: str
) -> None:
    services.update_project(project, task_config=RICH | {"scale": 9})
    make_item(project, [ONE, TWO])
    page = open_page(annotator, SCREEN, width=width, scheme=scheme)
    expect(page.locator("[data-assignment]")).to_be_visible()
    for key in ("", "2", "q", "x", "d"):
        if key:
            page.keyboard.press(key)
        assert_no_axe_violations(page)
        assert_no_sideways_scroll(page)
    expect(page.locator(".response mark").first).to_be_visible()


# --- the words that differ -----------------------------------------------------------------------


def test_the_words_that_differ_are_marked_and_it_is_remembered(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    page = open_one(open_page, annotator, project, {})
    switch = page.get_by_role("button", name="Mark differences")
    expect(page.locator(".response strong")).to_have_count(2)
    page.keyboard.press("d")
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".response mark", has_text="Sydney")).to_be_visible()
    expect(page.locator(".response mark", has_text="Canberra")).to_be_visible()
    expect(page.locator(".response strong").first).to_be_hidden()
    make_item(project, ["alpha beta", "alpha gamma"])
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".response mark", has_text="gamma")).to_be_visible(timeout=20_000)
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".response mark").first).to_be_hidden()
    page.reload()
    expect(page.locator("[data-assignment]")).to_be_visible()
    expect(page.locator(".response mark")).to_have_count(0)


def test_what_cannot_be_compared_is_shown_as_before(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    make_item(project, ["word " * 4_001, "short"])
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator(".difference__said", has_text="too long")).to_be_visible()
    expect(page.get_by_text("short", exact=True)).to_be_visible()
    page.route("**/diff/", lambda route: route.abort())
    page.reload()
    said = page.locator(".difference__said", has_text="cannot be reached")
    expect(said).to_be_visible()
    page.unroute("**/diff/")
    page.keyboard.press("d")
    page.keyboard.press("d")
    expect(page.locator(".difference__said", has_text="too long")).to_be_visible()


def test_marked_responses_are_inert(open_page: OpenPage, annotator: User, project: Project) -> None:
    hostile = "<img src=x onerror='window.pwned = 1'> <script>window.pwned = 1</script> &lt;b&gt;"
    make_item(project, [f"{hostile} one", f"{hostile.upper()} two"])
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("d")
    expect(page.locator(".response mark").first).to_be_visible()
    assert page.locator(".response img, .response script, .response b").count() == 0
    shown = page.locator(".response__diff").all_text_contents()
    assert {f"{hostile} one", f"{hostile.upper()} two"} == set(shown)
    assert page.evaluate("window.pwned") is None
