"""What people read before they go on, and gold, used as people use them."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.models import Acknowledgement, Comment, Gold, Project, Qualification, Reveal
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_annotation, make_item, make_member, make_prompt

SCREEN = "/projects/demo/annotate/"
BOTH = pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])
FIRST = {"strength": 2, "both_bad": False}
GUIDELINE = "# How to judge\n\nPrefer the response that helps more.\n\n- Facts first.\n- Then tone."


def assert_usable(page: Page) -> None:
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


@BOTH
def test_a_changed_guideline_is_read_and_acknowledged_by_a_key(
    open_page: OpenPage, project: Project, annotator: User, width: int, scheme: str
) -> None:
    services.new_guideline(project, GUIDELINE)
    make_annotation(make_item(project), annotator)
    make_item(project)
    changed = GUIDELINE.replace("helps more", "helps more, and say why") + "\n- No flattery."
    services.new_guideline(project, changed)
    page = open_page(annotator, SCREEN, width=width, scheme=scheme)
    expect(page.get_by_role("heading", name="The guidelines changed")).to_be_visible()
    expect(page.locator(".changes ins").first).to_contain_text("say why")
    expect(page.locator("[data-assignment]")).to_have_count(0)
    assert_usable(page)
    page.keyboard.press("s")  # there is nothing to skip
    page.keyboard.press("Enter")
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("g")
    expect(page.locator("#guidelines")).to_contain_text("No flattery.")
    expect(page.locator("#guidelines")).to_contain_text("version 3")
    assert Acknowledgement.objects.filter(user=annotator, guideline__version=3).exists()


@BOTH
def test_somebody_new_trains_by_keyboard_and_begins(
    open_page: OpenPage, project: Project, annotator: User, width: int, scheme: str
) -> None:
    for number in range(2):
        item = make_item(project, prompt=make_prompt(project, f"Training {number}?"))
        services.make_gold(item, kind="training", answer=FIRST, reason="It **names** the year.")
    make_item(project, prompt=make_prompt(project, "The first real one?"))
    services.set_policy(project, training_items=2, pass_share=0.0)
    page = open_page(annotator, SCREEN, width=width, scheme=scheme)
    for number in range(2):
        expect(page.get_by_text(f"Training {number}?")).to_be_visible()
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"Training {number + 1} of 2")).to_be_visible()
        expect(page.get_by_text("names", exact=True)).to_be_visible()
        assert_usable(page)
        page.wait_for_timeout(400)  # nobody reads so fast: two Enters within 0.3 s are one
        page.keyboard.press("Enter")
    expect(page.get_by_text("The first real one?")).to_be_visible()
    assert Reveal.objects.count() == 2
    assert Qualification.objects.get().has_passed


@BOTH
def test_a_paused_person_writes_back_and_goes_on_without_a_reload(
    open_page: OpenPage,
    project: Project,
    annotator: User,
    manager: User,
    width: int,
    scheme: str,
) -> None:
    make_item(project)
    services.pause(project, annotator, "Your answers differ from ours on length.")
    page = open_page(annotator, SCREEN, width=width, scheme=scheme)
    expect(page.get_by_role("heading", name="You are paused")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Write something first.")
    page.get_by_label("Write to the managers").fill("I took the longer ones for better.")
    assert_usable(page)
    page.keyboard.press("Enter")
    expect(page.locator(".comments")).to_contain_text("I took the longer ones")
    assert Comment.objects.get().author == annotator

    office = open_page(manager, "/projects/demo/members/", width=width, scheme=scheme)
    office.get_by_role("link", name=annotator.username).click()
    expect(office.get_by_text("I took the longer ones")).to_be_visible()
    assert_usable(office)
    office.get_by_role("button", name="Let annotator go on").click()
    expect(office.get_by_role("status")).to_contain_text("can go on")
    assert_usable(office)
    expect(page.locator("[data-assignment]")).to_be_visible()


@BOTH
def test_a_researcher_makes_gold_by_keyboard_and_retires_it(
    open_page: OpenPage, project: Project, researcher: User, width: int, scheme: str
) -> None:
    item = make_item(project, prompt=make_prompt(project, "When was the bridge built?"))
    for _ in range(2):
        make_annotation(make_item(project, answers_wanted=2), make_member(project))
    page = open_page(researcher, "/projects/demo/gold/", width=width, scheme=scheme)
    assert_usable(page)
    page.get_by_role("link", name=f"Answer item {item.pk}").click()
    expect(page.locator("#gold[data-ready]")).to_be_visible()
    assert_usable(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Choose first")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Say in a few words why.")
    page.get_by_label(re.compile("^Reason")).fill("A names the year.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Gold items")).to_contain_text("When was the bridge")
    gold = Gold.objects.get()
    assert (gold.answer, gold.kind) == (FIRST, "hidden")
    page.get_by_label("Share of hidden gold").fill("0.1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    assert_usable(page)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Retire item {item.pk}").click()
    expect(page.get_by_role("status")).to_contain_text("Retired")


@BOTH
def test_an_annotator_looks_back_and_changes_an_answer(
    open_page: OpenPage, project: Project, annotator: User, width: int, scheme: str
) -> None:
    item = make_item(project, prompt=make_prompt(project, "When was the bridge built?"))
    said = make_annotation(item, annotator, rationale="A names the year.")
    page = open_page(annotator, "/projects/demo/me/", width=width, scheme=scheme)
    expect(page.get_by_text("A names the year.")).to_be_visible()
    assert_usable(page)
    page.get_by_role("link", name="Change the answer").click()
    expect(page.get_by_text("When was the bridge built?")).to_be_visible()
    page.keyboard.press("4")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    newest = said.assignment.annotations.order_by("-revision")[0]
    assert (newest.revision, newest.answer) == (2, {"strength": 0, "both_bad": False})
