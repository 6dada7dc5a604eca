"""Ranking, and rate then rank, from start to finish: by keyboard alone, by pointer, by finger."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Locator, Page, expect

from annotation import services
from annotation.models import Annotation, Flag, Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item, make_prompt

SCREEN = "/projects/demo/annotate/"
LONG = " ".join(
    f"Sentence {n} of a long answer says a little more than the one before." for n in range(60)
)
CODE = "Use this:\n\n```python\ndef add(a, b):\n    return a + b  # " + "x" * 200 + "\n```\n"
TABLE = "| Name | Share |\n|---|--:|\n" + "".join(f"| Row {n} | {n} % |\n" for n in range(30))
FOUR = [f"Berlin.\n\n{LONG}", CODE, TABLE, "Paris is the capital of France."]


def shown_texts(page: Page) -> list[str]:
    return page.locator(".response__text").all_text_contents()


def chip(page: Page, letter: str) -> Locator:
    return page.get_by_role("option", name=re.compile(f"^{letter} "))


def letters(page: Page) -> list[str]:
    """The strip as it is seen: the letters of each group, then of those without a rank."""
    parts = page.locator(".board__group, .board__unranked").all()
    return ["".join(part.locator(".chip__letter").all_text_contents()) for part in parts]


def caption(page: Page) -> Locator:
    return page.locator(".board__caption[aria-live]")


def sent(page: Page) -> dict[str, Any]:
    """The stored answer with the letters that the annotator saw in place of canonical indices."""
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    said = Annotation.objects.select_related("assignment").latest("id")
    order = said.assignment.display_order
    assert said.answer is not None
    letter = {canonical: chr(65 + place) for place, canonical in enumerate(order)}
    answer = dict(said.answer)
    answer["groups"] = ["".join(sorted(letter[i] for i in group)) for group in answer["groups"]]
    for name in ("ratings", "flags"):
        if name in answer:
            answer[name] = [answer[name][canonical] for canonical in order]
    return answer


@pytest.fixture
def board(open_page: OpenPage, annotator: User, project: Project) -> Page:
    """Four responses to be ranked."""
    make_item(project, ["north", "east", "south", "west"], task_type="ranking")
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    return page


def drag(page: Page, chip: Locator, to: Locator, at: float) -> None:
    """Drag by mouse to the share `at` of the target's width."""
    start, end = chip.bounding_box(), to.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] * at, end["y"] + end["height"] / 2, steps=6)
    page.mouse.up()


# --- ranking --------------------------------------------------------------------------------------


def test_letters_in_order_of_preference_are_a_ranking(board: Page) -> None:
    for key in "bdac":
        board.keyboard.press(key)
    assert letters(board) == ["B", "D", "A", "C"]
    expect(caption(board)).to_have_text("C is now fourth. All are ranked.")
    board.keyboard.press("Enter")
    assert sent(board) == {"groups": ["B", "D", "A", "C"]}


def test_digits_rank_as_well(board: Page) -> None:
    for key in "4213":
        board.keyboard.press(key)
    board.keyboard.press("Enter")
    assert sent(board) == {"groups": ["D", "B", "A", "C"]}


def test_an_order_nobody_chose_is_no_answer(board: Page) -> None:
    alert = board.get_by_role("alert").filter(has_text="rank")
    board.keyboard.press("Enter")
    expect(alert).to_have_text("Rank them first: press their letters in order of preference.")
    board.keyboard.press("b")
    board.keyboard.press("c")
    board.keyboard.press("Enter")
    expect(alert).to_have_text("Still to be ranked: A and D.")
    assert Annotation.objects.count() == 0


def test_responses_are_moved_tied_and_split_by_keyboard(board: Page) -> None:
    press = board.keyboard.press
    for key in "abcd":
        press(key)
    expect(chip(board, "D")).to_be_focused()
    press("t")  # D joins C
    expect(caption(board)).to_have_text("D is now third, tied with C. All are ranked.")
    press("b")
    press("ArrowRight")  # B past the tie
    assert letters(board) == ["A", "CD", "B"]
    press("Shift+T")  # the last has no worse neighbour
    expect(caption(board)).to_have_text("B stays third. All are ranked.")
    press("a")
    press("t")  # the first has none before it: it ties with the next
    assert letters(board) == ["ACD", "B"]
    press("x")
    assert letters(board) == ["CD", "A", "B"]
    press("d")
    press("ArrowLeft")  # out of the tie, to the front
    expect(caption(board)).to_have_text("D is now first. All are ranked.")
    assert letters(board) == ["D", "C", "A", "B"]
    press("Backspace")
    assert letters(board) == ["C", "A", "B", "D"]
    expect(caption(board)).to_have_text("D is out of the order. Still to be ranked: D.")
    press("z")
    press("z")
    assert letters(board) == ["CD", "A", "B"]
    press("Enter")
    assert sent(board) == {"groups": ["CD", "A", "B"]}


def test_arrows_up_and_down_scroll_and_leave_the_order(board: Page) -> None:
    for key in "abcd":
        board.keyboard.press(key)
    for key in ("ArrowDown", "ArrowUp", "PageDown", "Space"):
        board.keyboard.press(key)
    assert letters(board) == ["A", "B", "C", "D"]


def test_a_letter_that_names_a_response_keeps_its_other_meaning_under_shift(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    prompt = make_prompt(project, "1|||2|||3|||4|||5|||6|||7")
    make_item(project, list("uvwxyz"), task_type="ranking", prompt=prompt)
    page = open_page(annotator, SCREEN)
    earlier = page.locator("details.conversation__earlier")
    expect(earlier).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.press("f")
    page.keyboard.press("g")  # there is no response G
    expect(page.get_by_role("complementary")).to_be_visible()
    page.keyboard.press("Escape")
    assert letters(page) == ["C", "F", "ABDE"]
    page.keyboard.press("Shift+C")
    expect(earlier).to_have_attribute("open", "")
    page.keyboard.press("Shift+F")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Flagged")).to_be_attached()
    assert letters(page) == ["C", "F", "ABDE"]
    assert Flag.objects.count() == 1


def test_a_ranking_by_clicks_and_buttons(board: Page) -> None:
    board.get_by_role("button", name="Response C").click()
    chip(board, "A").click()
    board.get_by_role("button", name="Response D").click()
    chip(board, "B").click()
    assert letters(board) == ["C", "A", "D", "B"]
    board.get_by_role("button", name="Better").click()
    board.get_by_role("button", name="Tie").click()
    assert letters(board) == ["C", "AB", "D"]
    chip(board, "A").click()
    board.get_by_role("button", name="Split").click()
    board.get_by_role("button", name="Worse").click()
    assert letters(board) == ["C", "B", "D", "A"]
    board.get_by_role("button", name="Unrank").click()
    assert letters(board) == ["C", "B", "D", "A"]
    expect(caption(board)).to_contain_text("Still to be ranked: A.")
    board.get_by_role("button", name="Back").click()
    expect(caption(board)).to_contain_text("All are ranked.")
    board.get_by_role("button", name="Submit").click()
    assert sent(board) == {"groups": ["C", "B", "D", "A"]}


def test_enter_after_a_click_sends_and_presses_nothing_again(board: Page) -> None:
    for key in "abcd":
        board.keyboard.press(key)
    board.get_by_role("button", name="Better").click()
    board.keyboard.press("Enter")
    assert sent(board) == {"groups": ["A", "B", "D", "C"]}


def test_buttons_can_be_pressed_again_and_again_by_key(board: Page) -> None:
    for key in "abcd":
        board.keyboard.press(key)
    better = board.get_by_role("button", name="Better")
    better.focus()
    board.keyboard.press("Enter")
    board.keyboard.press("Space")
    expect(better).to_be_focused()
    assert letters(board) == ["A", "D", "B", "C"]


def test_a_ranking_by_dragging(board: Page) -> None:
    drag(board, chip(board, "B"), board.locator(".board__next"), 0.5)
    drag(board, chip(board, "A"), board.locator(".board__group").first, 0.95)
    drag(board, chip(board, "D"), board.locator(".board__group").first, 0.05)
    assert letters(board) == ["D", "B", "A", "C"]
    expect(caption(board)).to_have_text("D is now first. Still to be ranked: C.")
    drag(board, chip(board, "C"), board.locator(".board__group").nth(2), 0.5)
    assert letters(board) == ["D", "B", "AC"]
    expect(caption(board)).to_have_text("C is now third, tied with A. All are ranked.")
    drag(board, chip(board, "A"), board.locator(".board__group").first, 0.02)
    assert letters(board) == ["A", "D", "B", "C"]
    board.keyboard.press("Enter")
    assert sent(board) == {"groups": ["A", "D", "B", "C"]}


def test_a_drag_can_be_given_up(board: Page) -> None:
    for key in "abcd":
        board.keyboard.press(key)
    box = chip(board, "D").bounding_box()
    assert box is not None
    board.mouse.move(box["x"] + 20, box["y"] + 20)
    board.mouse.down()
    board.mouse.move(box["x"] - 500, box["y"] + 20, steps=4)
    expect(board.locator(".chip--ghost")).to_be_visible()
    board.keyboard.press("Escape")
    expect(board.locator(".chip--ghost")).to_have_count(0)
    board.mouse.up()
    board.mouse.move(box["x"] + 20, box["y"] + 20)
    board.mouse.down()
    board.mouse.move(box["x"] - 500, 100, steps=4)  # far above the strip
    board.mouse.up()
    assert letters(board) == ["A", "B", "C", "D"]


def test_a_ranking_by_finger(open_page: OpenPage, annotator: User, project: Project) -> None:
    make_item(project, ["north", "east", "south"], task_type="ranking")
    page = open_page(annotator, SCREEN, width=375, height=812)
    expect(page.locator("[data-assignment]")).to_be_visible()
    touch = page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

    def swipe(chip: Locator, to: Locator, at: float) -> None:
        start, end = chip.bounding_box(), to.bounding_box()
        assert start is not None
        assert end is not None
        x, y = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
        goal = end["x"] + end["width"] * at

        def send(kind: str, *points: dict[str, float]) -> None:
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        send("touchStart", {"x": x, "y": y})
        for step in range(1, 7):
            send("touchMove", {"x": x + (goal - x) * step / 6, "y": y})
        send("touchEnd")

    swipe(chip(page, "C"), page.locator(".board__next"), 0.5)
    expect(caption(page)).to_contain_text("C is now first.")
    swipe(chip(page, "A"), page.locator(".board__group").first, 0.97)
    expect(caption(page)).to_contain_text("A is now second.")
    swipe(chip(page, "B"), page.locator(".board__group").first, 0.5)
    expect(caption(page)).to_contain_text("B is now first, tied with C. All are ranked.")
    page.get_by_role("button", name="Submit").click()
    assert sent(page) == {"groups": ["BC", "A"]}


def test_a_drag_at_the_edge_scrolls_a_strip_that_does_not_fit(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    make_item(project, [f"answer {n}" for n in range(9)], task_type="ranking")
    page = open_page(annotator, SCREEN, width=280, height=700)
    expect(page.locator("[data-assignment]")).to_be_visible()
    for key in "abcdefghi":
        page.keyboard.press(key)
    strip = page.locator(".board__strip")
    strip.evaluate("strip => strip.scrollLeft = 0")
    first, box = chip(page, "A").bounding_box(), strip.bounding_box()
    assert first is not None
    assert box is not None
    page.mouse.move(first["x"] + 10, first["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 4, first["y"] + 20, steps=5)
    page.wait_for_timeout(700)
    page.mouse.up()
    assert strip.evaluate("strip => strip.scrollLeft") > 0
    assert letters(page) == [*"BCDEFGHI", "A"]


def test_not_rankable_is_said_with_a_reason(board: Page) -> None:
    board.keyboard.press("a")
    board.keyboard.press("n")
    expect(board.get_by_role("radio", name="All of them are bad")).to_be_visible()
    board.keyboard.press("b")  # ranks nothing now
    board.keyboard.press("Enter")
    expect(board.get_by_role("alert").filter(has_text="Say why they cannot")).to_be_visible()
    assert_no_axe_violations(board)
    board.keyboard.press("5")
    board.keyboard.press("Enter")
    expect(board.get_by_role("textbox", name=re.compile("^Reason"))).to_be_focused()
    board.keyboard.press("Escape")
    board.keyboard.press("n")  # after all …
    assert letters(board) == ["A", "BCD"]
    board.keyboard.press("n")  # … or rather not
    board.keyboard.press("1")
    board.keyboard.press("Enter")
    assert sent(board) == {"groups": [], "not_rankable": True, "reason": "unclear_prompt"}


def test_why_they_cannot_be_ranked_may_be_written(board: Page) -> None:
    board.get_by_role("button", name="Not rankable").click()
    board.get_by_role("textbox", name=re.compile("^Reason")).fill("Four parts of one answer.")
    board.get_by_role("button", name="Submit").click()
    assert sent(board) == {"groups": [], "not_rankable": True, "reason": "other"}


def test_a_project_can_forbid_ties_and_not_rankable(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    services.update_project(project, task_config={"allow_tie": False, "allow_not_rankable": False})
    make_item(project, ["one", "two", "three"], task_type="ranking")
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    for key in "abc":
        page.keyboard.press(key)
    page.keyboard.press("t")
    page.keyboard.press("n")
    drag(page, chip(page, "C"), page.locator(".board__group").first, 0.4)
    assert letters(page) == ["C", "A", "B"]
    expect(page.get_by_role("button", name="Tie")).to_have_count(0)
    expect(page.get_by_role("button", name="Not rankable")).to_have_count(0)
    page.keyboard.press("Enter")
    assert sent(page) == {"groups": ["C", "A", "B"]}


@pytest.mark.parametrize("lost", ["the page", "the browser's copy"])
def test_half_a_ranking_survives(board: Page, lost: str) -> None:
    for key in "cat":
        board.keyboard.press(key)
    assert letters(board) == ["AC", "BD"]
    expect(board.locator(".answer__draft")).to_have_text("Draft saved")
    if lost == "the browser's copy":
        board.evaluate("localStorage.clear()")
    board.reload()
    expect(board.locator("[data-assignment]")).to_be_visible()
    assert letters(board) == ["AC", "BD"]
    expect(caption(board)).to_have_text("Still to be ranked: B and D.")


def test_an_answer_taken_back_stands_as_it_was_sent(board: Page) -> None:
    for key in "cabtd":
        board.keyboard.press(key)
    board.keyboard.press("Enter")
    assert sent(board) == {"groups": ["C", "AB", "D"]}
    board.keyboard.press("u")
    expect(board.locator("[data-assignment]")).to_be_visible()
    assert letters(board) == ["C", "AB", "D"]
    board.keyboard.press("n")
    board.keyboard.press("2")
    board.keyboard.press("Enter")
    assert sent(board) == {"groups": [], "not_rankable": True, "reason": "all_bad"}
    board.keyboard.press("u")
    expect(board.get_by_role("radio", name="All of them are bad")).to_be_checked()
    board.keyboard.press("n")
    assert letters(board) == ["ABCD"]  # nothing was ranked in what was sent last


def test_long_responses_are_cut_until_asked_for(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    make_item(project, FOUR, task_type="ranking")
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    long = page.locator(".response").filter(has_text="Berlin.")
    short = page.locator(".response").filter(has_text="Paris is")
    expect(short.get_by_role("button", name="Show all")).to_be_hidden()
    body = long.locator(".response__body")
    cut = body.evaluate("body => body.clientHeight")
    long.get_by_role("button", name="Show all").click()
    expect(long.get_by_role("button", name="Show less")).to_be_visible()
    assert body.evaluate("body => body.clientHeight") > cut + 100
    long.get_by_role("button", name="Show less").click()
    page.keyboard.press("m")
    assert body.evaluate("body => body.clientHeight") > cut + 100
    page.reload()
    expect(long.get_by_role("button", name="Show less")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (375, "light")])
@pytest.mark.parametrize("count", [4, 9])
def test_everyone_can_rank(
    open_page: OpenPage,
    annotator: User,
    project: Project,
    width: int,
    scheme: str,
    count: int,
) -> None:
    texts = FOUR if count == 4 else [f"Answer {n} is short." for n in range(9)]
    make_item(project, texts, task_type="ranking")
    page = open_page(annotator, SCREEN, width=width, height=812, scheme=scheme)
    expect(page.locator("[data-assignment]")).to_be_visible()
    assert_no_axe_violations(page)
    for key in "abt":
        page.keyboard.press(key)
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    board = page.locator(".board").bounding_box()
    submit = page.get_by_role("button", name="Submit").bounding_box()
    assert board is not None
    assert submit is not None
    assert board["y"] + board["height"] <= 812  # at hand without scrolling
    assert submit["y"] + submit["height"] <= 812
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Tie it with its better neighbour")


def test_responses_can_be_read_one_by_one_before_they_are_ranked(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    services.update_project(project, task_config={"read_first": True})
    make_item(project, [LONG, "short"], task_type="ranking")
    page = open_page(annotator, SCREEN)
    expect(page.locator(".response:visible")).to_have_count(1)
    page.keyboard.press("b")  # nothing can be ranked yet
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".response:visible")).to_have_count(2)
    assert letters(page) == ["AB"]
    page.keyboard.press("b")
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    assert sent(page) == {"groups": ["B", "A"]}


# --- rate, then rank ------------------------------------------------------------------------------


@pytest.fixture
def rating(open_page: OpenPage, annotator: User, project: Project) -> Page:
    make_item(project, ["north", "east", "south"], task_type="rate_then_rank")
    page = open_page(annotator, SCREEN)
    expect(page.locator("[data-assignment]")).to_be_visible()
    return page


def test_rate_then_rank_by_keyboard_alone(rating: Page) -> None:
    press = rating.keyboard.press
    texts = shown_texts(rating)
    expect(rating.locator(".response:visible")).to_have_count(1)
    press("Enter")
    expect(rating.get_by_role("alert").filter(has_text="Rate it first")).to_be_visible()
    press("6")
    press("Enter")
    expect(rating.locator(".response:visible")).to_contain_text(texts[1])
    expect(rating.get_by_text("How good is response B by itself?")).to_be_visible()
    press("2")
    press("ArrowRight")
    expect(rating.get_by_role("radio", name="Rather bad", checked=True)).to_be_attached()
    press("w")
    press("e")
    press("q")
    press("q")  # ticked and unticked
    press("Enter")
    press("5")
    press("p")  # back to B
    expect(rating.get_by_role("checkbox", name="Untrue or made up")).to_be_checked()
    press("Enter")
    expect(rating.get_by_role("radio", name="Rather good", checked=True)).to_be_attached()
    press("Enter")
    expect(rating.locator(".response:visible")).to_have_count(3)
    expect(rating.get_by_role("button", name="Submit")).to_be_visible()
    press("Enter")  # the ratings are no ranking
    expect(rating.get_by_role("alert").filter(has_text="Rank them first")).to_be_visible()
    for key in "acb":
        press(key)
    press("t")
    press("Enter")
    assert sent(rating) == {
        "ratings": [6, 3, 5],
        "flags": [[], ["Untrue or made up", "Unsafe or harmful"], []],
        "groups": ["A", "BC"],
    }


def test_rate_then_rank_by_pointer(rating: Page) -> None:
    stops = ("Good", "Very bad", "Middling")
    for letter, stop in zip("ABC", stops, strict=True):
        group = rating.get_by_role("group", name=f"Response {letter} by itself")
        group.locator("label").filter(has_text=re.compile(rf"^{stop}\d")).click()
        if letter == "B":
            group.get_by_text("Unsafe or harmful").click()
        rating.get_by_role("button", name="Next").click()
    drag(rating, chip(rating, "B"), rating.locator(".board__next"), 0.5)
    expect(rating.get_by_text("B stands above A")).to_have_count(0)
    chip(rating, "A").click()
    expect(
        rating.get_by_text("B stands above A, but you rated it lower: 1 against 6.")
    ).to_be_visible()
    drag(rating, chip(rating, "A"), rating.locator(".board__group").first, 0.03)
    rating.get_by_role("button", name="Response C", exact=True).click()
    rating.get_by_role("button", name="Rate response B").click()
    expect(rating.locator(".response:visible")).to_have_count(1)
    rating.get_by_role("button", name="Rank all").click()
    assert letters(rating) == ["A", "B", "C"]
    rating.get_by_role("button", name="Submit").click()
    assert sent(rating) == {
        "ratings": [6, 1, 4],
        "flags": [[], ["Unsafe or harmful"], []],
        "groups": ["A", "B", "C"],
    }


def test_what_is_rated_by_itself_is_not_read_by_itself_before(
    open_page: OpenPage, annotator: User, project: Project
) -> None:
    services.update_project(project, task_config={"read_first": True})
    make_item(project, ["one", "two"], task_type="rate_then_rank")
    page = open_page(annotator, SCREEN)
    expect(page.get_by_text("How good is response A by itself?")).to_be_visible()
    for key in ("5", "Enter", "6", "Enter", "b", "a", "Enter"):
        page.keyboard.press(key)
    assert sent(page)["groups"] == ["B", "A"]


def test_ratings_survive_and_go_on_where_they_were(rating: Page) -> None:
    rating.keyboard.press("7")
    rating.keyboard.press("Enter")
    rating.keyboard.press("2")
    rating.keyboard.press("t")  # the fifth flag
    expect(rating.locator(".answer__draft")).to_have_text("Draft saved")
    rating.reload()
    expect(rating.get_by_text("How good is response C by itself?")).to_be_visible()
    rating.keyboard.press("p")
    expect(rating.get_by_role("checkbox", checked=True)).to_have_count(1)
    expect(rating.get_by_role("radio", name="Bad", exact=True)).to_be_checked()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
def test_everyone_can_rate_then_rank(
    open_page: OpenPage, annotator: User, project: Project, width: int, scheme: str
) -> None:
    make_item(project, FOUR, task_type="rate_then_rank")
    page = open_page(annotator, SCREEN, width=width, height=812, scheme=scheme)
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("5")
    page.keyboard.press("w")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    for key in ("Enter", "4", "Enter", "3", "Enter", "2", "Enter", "d", "a"):
        page.keyboard.press(key)
    expect(page.locator(".board__note")).to_contain_text("D stands above A")
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
