"""The annotator's screen, used as a person uses it."""

import json
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from annotation import services
from annotation.models import Annotation, Assignment, Flag, Project
from annotation.task_types import TASK_TYPES, ranking
from tests.browser.checks import (
    assert_no_axe_violations,
    assert_no_sideways_scroll,
    wait_until,
)
from tests.browser.conftest import OpenPage
from tests.builders import PASSWORD, make_annotation, make_item, make_member, make_prompt

SCREEN = "/projects/demo/annotate/"
REASON = re.compile("^Reason")


@pytest.fixture
def screen(open_page: OpenPage, annotator: User, project: Project) -> Page:
    """The screen with the first of five items."""
    for number in range(5):
        make_item(project, prompt=make_prompt(project, f"Question {number}?"))
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    return page


def shown(page: Page) -> str:
    """The key of the assignment on the screen."""
    return page.locator("[data-assignment]").get_attribute("data-assignment") or ""


def wait_for_other(page: Page, key: str) -> str:
    expect(page.locator(f'[data-assignment]:not([data-assignment="{key}"])')).to_be_visible()
    return shown(page)


def drafted(page: Page) -> None:
    expect(page.locator(".answer__draft")).to_have_text("Draft saved")


def as_shown(assignment: Assignment, answer: dict[str, object]) -> int:
    """The stored strength, as it stood on the screen: positive means A is better."""
    sign = 1 if assignment.display_order[0] == 0 else -1
    return sign * int(str(answer["strength"]))


def test_a_day_by_keyboard_alone(open_page: OpenPage, annotator: User, project: Project) -> None:
    for number in range(6):
        make_item(project, prompt=make_prompt(project, f"Question {number}?"))
    page = open_page(None, "/")
    keyboard = page.keyboard
    expect(page.get_by_label("Username")).to_be_focused()
    keyboard.type(annotator.username)
    keyboard.press("Tab")
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    for _ in range(12):
        keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").startswith("Judge"):
            break
    keyboard.press("Enter")
    page.wait_for_url("**" + SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()

    first = shown(page)
    keyboard.press("1")
    keyboard.press("Enter")
    second = wait_for_other(page, first)
    keyboard.press("6")
    keyboard.press("Tab")
    keyboard.type("B says 1 thing more, r u sure?")  # keys that act elsewhere are text here
    keyboard.press("Enter")
    third = wait_for_other(page, second)
    keyboard.press("ArrowLeft")
    keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="A is better", exact=True)).to_be_checked()
    keyboard.press("b")
    keyboard.press("Enter")
    fourth = wait_for_other(page, third)

    keyboard.press("u")
    assert wait_for_other(page, fourth) == third
    expect(page.get_by_role("radio", name="Both are bad", exact=True)).to_be_checked()
    keyboard.press("4")
    keyboard.press("Enter")
    assert wait_for_other(page, third) == fourth

    keyboard.press("f")
    keyboard.press("3")
    keyboard.type("It is Dutch.")
    keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Flagged")
    keyboard.press("s")
    keyboard.press("1")
    wait_for_other(page, fourth)
    expect(page.locator(".focusbar__mine [data-progress=mine]")).to_have_text("3")

    said = {
        str(each.assignment.key): each
        for each in Annotation.objects.filter(kind="answer").order_by("revision")
    }
    assert set(said) == {first, second, third}
    assert as_shown(said[first].assignment, said[first].answer) == 3
    assert as_shown(said[second].assignment, said[second].answer) == -2
    assert said[second].rationale == "B says 1 thing more, r u sure?"
    assert said[third].answer == {"strength": 0, "both_bad": False}
    assert said[third].revision == 3  # both bad, taken back, about equal
    assert Assignment.objects.get(key=fourth).status == Assignment.Status.SKIPPED
    assert Assignment.objects.get(key=fourth).skip_reason
    assert Flag.objects.get().note == "It is Dutch."


def test_the_next_item_is_here_before_it_is_asked_for(screen: Page) -> None:
    asked = "performance.getEntriesByName(location.href.replace('annotate', 'next')).length"
    wait_until(screen, f"{asked} === 2")
    screen.evaluate("window.stillHere = true")
    screen.route("**/next/", lambda route: route.abort())  # no more items come from the server
    key = shown(screen)
    screen.keyboard.press("3")
    screen.keyboard.press("Enter")
    wait_for_other(screen, key)
    assert screen.evaluate("window.stillHere") is True


def test_nothing_is_chosen_for_the_annotator(screen: Page) -> None:
    key = shown(screen)
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("alert").filter(has_text="Choose first")).to_be_visible()
    assert shown(screen) == key
    assert Annotation.objects.count() == 0


def test_enter_twice_sends_one_answer(screen: Page) -> None:
    key = shown(screen)
    screen.keyboard.press("2")
    screen.evaluate(
        """() => { for (let i = 0; i < 3; i++) document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true})) }"""
    )
    wait_for_other(screen, key)
    screen.wait_for_load_state("networkidle")
    assert Annotation.objects.count() == 1


def test_an_answer_whose_receipt_is_lost_is_stored_once(screen: Page) -> None:
    key = shown(screen)
    is_mended = False

    def lose_receipts(route: Route) -> None:
        if is_mended:
            return route.continue_()
        route.fetch()  # the server has it; so it has what the page sends again by itself
        return route.abort()

    screen.route("**/submit/", lose_receipts)
    screen.keyboard.press("5")
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("button", name="Try now")).to_be_visible()
    assert Annotation.objects.count() == 1
    is_mended = True
    screen.get_by_role("button", name="Try now").click()
    wait_for_other(screen, key)
    assert Annotation.objects.count() == 1


@pytest.mark.parametrize("lost", ["the page", "the browser's copy", "the server's copy"])
def test_a_draft_survives(screen: Page, lost: str) -> None:
    key = shown(screen)
    if lost == "the server's copy":
        screen.route("**/draft/", lambda route: route.abort())
    screen.keyboard.press("6")
    screen.keyboard.press("r")
    screen.keyboard.type("half a sen")
    if lost == "the server's copy":
        expect(screen.locator(".answer__draft")).to_have_text("Draft kept on this device")
        assert Assignment.objects.get(key=key).draft is None
    else:
        drafted(screen)
    if lost == "the browser's copy":
        screen.evaluate("localStorage.clear()")
    screen.reload()
    expect(screen.locator(f'[data-assignment="{key}"]')).to_be_visible()
    expect(screen.get_by_role("radio", name="B is better", exact=True)).to_be_checked()
    expect(screen.get_by_role("textbox", name=REASON)).to_have_value("half a sen")


def test_a_sent_draft_leaves_the_browser(screen: Page) -> None:
    key = shown(screen)
    screen.keyboard.press("r")
    screen.keyboard.type("a secret")
    assert "a secret" in json.dumps(screen.evaluate("({...localStorage})"))
    screen.keyboard.press("Escape")
    screen.keyboard.press("1")
    screen.keyboard.press("Enter")
    wait_for_other(screen, key)
    assert "a secret" not in json.dumps(screen.evaluate("({...localStorage})"))
    assert Assignment.objects.get(key=key).draft is None


def test_an_answer_given_offline_is_sent_when_the_network_is_back(screen: Page) -> None:
    key = shown(screen)
    screen.context.set_offline(True)
    screen.keyboard.press("7")
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    assert Annotation.objects.count() == 0
    screen.context.set_offline(False)
    wait_for_other(screen, key)
    expect(screen.locator("#banner")).to_be_hidden()
    assert Annotation.objects.get().assignment.key.hex == key.replace("-", "")


def test_signed_out_in_the_middle_nothing_is_lost(screen: Page, annotator: User) -> None:
    key = shown(screen)
    screen.keyboard.press("r")
    screen.keyboard.type("typed before")
    screen.keyboard.press("Escape")
    screen.keyboard.press("2")
    screen.context.clear_cookies(name="sessionid")
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("alert").filter(has_text="signed out")).to_be_visible()
    with screen.context.expect_page() as opened:
        screen.get_by_role("button", name="Sign in").click()
    login = opened.value
    login.get_by_label("Username").fill(annotator.username)
    login.get_by_label("Password").fill(PASSWORD)
    login.keyboard.press("Enter")
    expect(login.locator("[data-assignment]")).to_be_visible()
    login.close()
    screen.get_by_role("button", name="Send again").click()
    wait_for_other(screen, key)
    assert Annotation.objects.get().rationale == "typed before"


def test_an_item_taken_by_somebody_else_is_let_go(screen: Page, project: Project) -> None:
    key = shown(screen)
    mine = Assignment.objects.get(key=key)
    with transaction.atomic():  # or a heartbeat of the screen could take the item back in between
        past = timezone.now() - timedelta(seconds=1)
        Assignment.objects.filter(pk=mine.pk).update(lease_until=past)
        services.release_stale(project)
        make_annotation(mine.item)
    screen.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # comes back to it
    expect(screen.get_by_role("alert").filter(has_text="someone else")).to_be_visible()
    screen.get_by_role("button", name="Next item").click()
    wait_for_other(screen, key)


def test_an_empty_queue_says_so_and_goes_on_by_itself(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    page = open_page(annotator, SCREEN)
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    assert_no_axe_violations(page)
    make_item(project)
    expect(page.locator("[data-assignment]")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_hidden()


def test_back_leaves_and_forward_finds_the_same_item(screen: Page) -> None:
    key = shown(screen)
    screen.goto("/projects/demo/")
    screen.go_back()
    expect(screen.locator(f'[data-assignment="{key}"]')).to_be_visible()


def test_two_tabs_do_not_answer_the_same_item_twice(screen: Page) -> None:
    key = shown(screen)
    other = screen.context.new_page()
    other.goto(SCREEN)
    expect(other.locator(f'[data-assignment="{key}"]')).to_be_visible()
    other.keyboard.press("1")
    other.keyboard.press("Enter")
    wait_for_other(screen, key)
    wait_for_other(other, key)
    assert Annotation.objects.count() == 1


def test_single_keys_can_be_switched_off(screen: Page) -> None:
    screen.keyboard.press("?")
    screen.get_by_label("Single keys act at once").uncheck()
    screen.keyboard.press("Escape")
    screen.keyboard.press("1")
    expect(screen.get_by_role("radio", name="A is much better", exact=True)).not_to_be_checked()
    screen.keyboard.press("s")
    expect(screen.get_by_role("dialog")).to_be_hidden()


def test_keys_are_found_on_a_cyrillic_keyboard(screen: Page) -> None:
    screen.evaluate(
        """document.body.dispatchEvent(new KeyboardEvent("keydown",
            {key: "п", code: "KeyG", bubbles: true, cancelable: true}))"""
    )
    expect(screen.get_by_role("complementary", name="Guidelines")).to_be_visible()
    screen.keyboard.press("Escape")
    expect(screen.get_by_role("complementary", name="Guidelines")).to_be_hidden()


def test_scrolling_on_does_not_change_the_choice(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    make_item(project, ["word\n\n" * 200, "short"])
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("2")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    wait_until(page, "scrollY > 200")
    expect(page.get_by_role("radio", name="A is better", exact=True)).to_be_checked()


def test_the_item_held_ready_is_announced_with_the_answer_before_it(screen: Page) -> None:
    """One request less for each item; what was not held ready sends a sign of life of its own."""
    first = shown(screen)
    wait_until(
        screen,
        "performance.getEntriesByType('resource').filter(e => /next/.test(e.name)).length == 2",
    )
    beats: list[str] = []
    screen.on("request", lambda sent: beats.append(sent.url) if "heartbeat" in sent.url else None)
    screen.keyboard.press("1")
    screen.keyboard.press("Enter")
    second = wait_for_other(screen, first)
    expect(screen.locator('[data-progress="mine"]').first).to_have_text("1")
    assert beats == []
    assert Assignment.objects.get(key=second).opened is not None
    screen.keyboard.press("u")
    expect(screen.locator(f'[data-assignment="{first}"]')).to_be_visible()
    assert len(beats) == 1
    assert first in beats[0]


def test_focused_seconds_are_measured(screen: Page) -> None:
    key = shown(screen)
    screen.wait_for_timeout(1500)
    screen.keyboard.press("1")
    screen.keyboard.press("Enter")
    wait_for_other(screen, key)
    assert 1.0 <= (Annotation.objects.get().seconds or 0) <= 30
    assert Assignment.objects.get(key=key).opened is not None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 375])
def test_everyone_can_use_it(
    open_page: OpenPage, annotator: User, project: Project, scheme: str, width: int
) -> None:
    long_line = "word " * 40 + "x" * 300
    text = f"# Title\n\n{long_line}\n\n```python\nprint('{long_line}')  # why\n```\n\n" + (
        "| a | b |\n|---|--:|\n| 1 | "
        + "2" * 200
        + " |\n\n> quoted\n\n1. one\n2. [two](https://example.org)"
    )
    prompt = make_prompt(project, "One?|||Two.|||Three?|||Four.|||Five, at last?")
    make_item(project, [text, "ما هي **العاصمة**؟"], prompt=prompt)
    page = open_page(annotator, SCREEN, width=width, height=800, scheme=scheme)
    expect(page.locator("[data-assignment]")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    for key in ["c", "5"]:
        page.keyboard.press(key)
    page.locator(".answer__submit").hover()
    assert_no_axe_violations(page)
    for key in ["g", "?", "s", "f"]:
        page.keyboard.press(key)
        assert_no_axe_violations(page)
        page.keyboard.press("Escape")
    page.keyboard.press("0")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


HOSTILE = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<svg onload='window.pwned = 1'><animate onbegin='window.pwned = 1'/></svg>",
    "<div hx-get='/accounts/logout/' hx-trigger='load'>x</div>",
    "[click](javascript:window.pwned=1) <javascript:window.pwned=1>",
    "![pixel](https://tracker.invalid/pixel.png)",
    "<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>",
    "<a href='data:text/html,<script>opener.pwned = 1</script>' target=_blank>x</a>",
    "<style>body { display: none }</style>",
    "<form action='https://tracker.invalid/'><button data-action='skip'>Submit</button></form>",
    "```html\n</code></pre><script>window.pwned = 1</script>\n```",
    "<div data-action='undo' data-assignment='x' id='stage'>x</div>\n\n"
    "<meta http-equiv=refresh content='0;url=https://tracker.invalid/'>",
]


def test_hostile_responses_are_inert(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    prompt = make_prompt(project, "Be evil. <script>window.pwned = 1</script>")
    for number, text in enumerate(HOSTILE):
        make_item(project, [f"{text}\n\n{number}", f"harmless {number}"], prompt=prompt)
    page = open_page(annotator, SCREEN)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(f"dialog {dialog.message}"))
    for _ in HOSTILE:
        expect(page.locator("[data-assignment]")).to_be_visible()
        key = shown(page)
        texts = page.locator(".response__text")
        inner = texts.first.inner_html() + texts.last.inner_html()
        assert not re.search(r"<(script|img|svg|iframe|a|form|style|meta|button)\b", inner), inner
        assert not re.search(r"<[^>]*\s(on\w+|hx-\w+|data-\w+|href|src|id)=", inner), inner
        for word in texts.all():
            word.click()
        assert shown(page) == key
        page.keyboard.press("4")
        page.keyboard.press("Enter")
        expect(page.locator(f'[data-assignment="{key}"]')).to_have_count(0)
    assert page.evaluate("window.pwned") is None
    outside = [url for url in asked if not url.startswith(page.url.split("/projects/")[0])]
    assert outside == []
    assert not any("logout" in url for url in asked)


def test_nothing_on_the_screen_names_a_source(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    make_item(project, ["one", "two"], sources=["canary_alpha", "canary_beta"])
    make_item(project, ["three", "four"], sources=["canary_alpha", "canary_beta"])
    page = open_page(annotator)
    bodies: list[str] = []
    page.on(
        "response",
        lambda answer: (
            bodies.append(answer.text())
            if answer.ok and answer.status != 204 and "/static/" not in answer.url
            else None
        ),
    )
    page.goto(SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    assert len(bodies) >= 4
    assert not any("canary" in body for body in bodies)


def test_a_task_type_without_a_page_of_its_own_is_asked_by_its_plain_form(
    open_page: OpenPage,
    project: Project,
    annotator: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(TASK_TYPES, "plain", ranking)
    make_item(project, ["one", "two", "three"], task_type="plain")
    page = open_page(annotator, SCREEN)
    expect(page.locator(".response")).to_have_count(3)
    for letter, rank in zip("ABC", "213", strict=True):
        page.get_by_role("spinbutton", name=f"Response {letter}").fill(rank)
    assert_no_axe_violations(page)
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    said = Annotation.objects.get()
    order = said.assignment.display_order
    assert said.answer == {"groups": [[order[1]], [order[0]], [order[2]]]}


def test_a_reason_can_be_required(open_page: OpenPage, annotator: User, project: Project) -> None:
    services.update_project(project, task_config={"rationale": "required"})
    make_item(project)
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Say in a few words why")).to_be_visible()
    expect(page.get_by_role("textbox", name=REASON)).to_be_focused()
    assert Annotation.objects.count() == 0


def test_an_item_left_in_another_browser_is_found_again(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    make_item(project)
    make_member(project)
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("3")
    drafted(page)
    key = shown(page)
    elsewhere = open_page(annotator, SCREEN)
    expect(elsewhere.locator(f'[data-assignment="{key}"]')).to_be_visible()
    expect(elsewhere.get_by_role("radio", name="A is slightly better", exact=True)).to_be_checked()
