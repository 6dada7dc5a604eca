"""A reviewer at work: the list of disputed items, and verdicts by keyboard."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.models import Item, Membership, Project, Verdict
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_annotation, make_item, make_member, make_prompt

LIST = "/projects/demo/review/"
BOTH = pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reviewer(project: Project) -> User:
    return make_member(project, Membership.Role.REVIEWER, "reviewer")


def disputed(project: Project, text: str) -> Item:
    prompt = make_prompt(project, text, category="history")
    texts = ["It opened in 1894.", "It opened some time ago, I believe."]
    item = make_item(project, texts, prompt=prompt, answers_wanted=3)
    for strength, why in ((3, "It names the year."), (1, ""), (-2, "More honest about doubt.")):
        make_annotation(item, strength=strength, rationale=why)
    return item


def assert_usable(page: Page) -> None:
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


@BOTH
def test_a_reviewer_decides_by_keyboard_and_goes_on(
    open_page: OpenPage, project: Project, reviewer: User, width: int, scheme: str
) -> None:
    first = disputed(project, "When was the bridge built?")
    second = disputed(project, "Who built the bridge?")
    services.flag(first.assignments.first(), "Unsafe", "B is rude.")
    page = open_page(reviewer, LIST, width=width, scheme=scheme)
    expect(page.get_by_text("67 %").first).to_be_visible()
    assert_usable(page)
    page.get_by_role("link", name="When was the bridge built?").press("Enter")
    expect(page.locator("#review[data-ready]")).to_be_visible()
    expect(page.get_by_text("More honest about doubt.")).to_be_visible()
    assert_usable(page)
    page.keyboard.press("d")
    expect(page.locator(".response__diff mark").filter(has_text="1894")).to_be_visible()
    assert_usable(page)
    page.keyboard.press("d")
    expect(page.locator(".response__diff mark").filter(has_text="1894")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator(".answer__errors")).to_contain_text("Choose first")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator(".answer__errors")).to_contain_text("Say in a few words why.")
    page.keyboard.type("The year is what was asked.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Item {second.pk}")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("is kept")
    verdict = Verdict.objects.get()
    assert (verdict.item, verdict.reason) == (first, "The year is what was asked.")

    expect(page.locator("#review[data-ready]")).to_be_visible()
    page.keyboard.press("r")
    page.keyboard.type("Both can be meant.")
    page.get_by_role("button", name="Undecided").press("Enter")
    expect(page.get_by_role("heading", name="Nothing is disputed")).to_be_visible()
    assert Verdict.objects.order_by("-id")[0].kind == "undecided"

    page.get_by_role("link", name="Adjudicated").click()
    page.get_by_role("link", name="When was the bridge built?").click()
    expect(page.get_by_role("heading", name="Verdict")).to_be_visible()
    assert_usable(page)
    page.keyboard.press(".")
    expect(page.get_by_role("heading", name=f"Item {second.pk}")).to_be_visible()


@BOTH
def test_a_reviewer_comments_and_the_annotator_replies(
    open_page: OpenPage,
    project: Project,
    reviewer: User,
    annotator: User,
    width: int,
    scheme: str,
) -> None:
    prompt = make_prompt(project, "When was the bridge built?")
    item = make_item(project, prompt=prompt, answers_wanted=2)
    make_annotation(item, annotator, rationale="It names the year.")
    make_annotation(item, strength=-2)
    office = open_page(reviewer, f"{LIST}{item.pk}/", width=width, scheme=scheme)
    expect(office.locator("#review[data-ready]")).to_be_visible()
    card = office.locator("section").filter(has_text="It names the year.")
    card.get_by_text("Comment to").press("Enter")
    box = card.get_by_role("textbox")
    box.press_sequentially("Is the year right? 1 or 2 sources say 1895.")  # no key acts in here
    assert_usable(office)
    box.press("Tab")
    office.keyboard.press("Enter")
    expect(office.get_by_role("status")).to_contain_text("The annotator sees your comment")

    page = open_page(annotator, "/projects/demo/", width=width, scheme=scheme)
    page.get_by_role("link", name="Your work 1 new comment").click()
    expect(page.get_by_text("Is the year right?")).to_be_visible()
    page.get_by_text("The responses, as you saw them").click()
    assert_usable(page)
    page.get_by_label("Your reply about").fill("I looked it up: 1894.")
    page.get_by_role("button", name="Reply").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The reviewers see your reply")
    expect(page.get_by_role("link", name="Your work", exact=True)).to_be_visible()

    office.goto(f"{LIST}?state=replied")
    office.get_by_role("link", name="When was the bridge built?").click()
    expect(office.get_by_text("I looked it up: 1894.")).to_be_visible()
    assert_usable(office)


@BOTH
def test_a_verdict_becomes_gold_and_doubtful_gold_is_retired(
    open_page: OpenPage, project: Project, reviewer: User, width: int, scheme: str
) -> None:
    item = disputed(project, "When was the bridge built?")
    answer = {"strength": 2, "both_bad": False}
    services.give_verdict(
        item, kind="answer", answer=answer, reason="Facts.", reviewer=reviewer, submit_key="k"
    )
    page = open_page(reviewer, f"{LIST}{item.pk}/", width=width, scheme=scheme)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Make hidden gold").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is gold now")
    turn = item.assignments.first()
    assert turn is not None
    services.flag(turn, "Unsafe")
    page.get_by_role("link", name="Doubtful gold").click()
    expect(page.get_by_text("When was the bridge built?")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name=f"Retire item {item.pk}").press("Enter")
    expect(page.get_by_role("heading", name="No gold is doubtful")).to_be_visible()
    assert_usable(page)
