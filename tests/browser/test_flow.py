"""How much is asked of whom, as managers set it and annotators meet it."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.models import Annotation, FlowPolicy, Membership, Project, Retest, Tally
from annotation.queries_me import monday
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_annotation, make_item

SCREEN = "/projects/demo/annotate/"
BOTH = pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])


def assert_usable(page: Page) -> None:
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


@BOTH
def test_a_manager_says_how_much_is_asked(
    open_page: OpenPage, project: Project, annotator: User, manager: User, width: int, scheme: str
) -> None:
    page = open_page(manager, "/projects/demo/workload/", width=width, scheme=scheme)
    assert_usable(page)
    page.get_by_label("Answers an item, at most").fill("1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("name more than that")).to_be_visible()
    assert_usable(page)
    page.get_by_label("Answers an item, at most").fill("5")
    page.get_by_label("Answers a day").fill("200")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved")
    policy = FlowPolicy.objects.get()
    assert (policy.max_overlap, policy.daily_limit) == (5, 200)
    page.goto(f"/projects/demo/people/{annotator.pk}/")
    page.get_by_label("Answers a day").fill("40")
    page.get_by_role("button", name="Set limits").click()
    expect(page.get_by_role("status")).to_contain_text("The limits of annotator are set")
    assert_usable(page)
    assert Membership.objects.get(user=annotator).daily_limit == 40


@BOTH
def test_an_annotator_is_told_that_the_day_is_done(
    open_page: OpenPage, project: Project, annotator: User, width: int, scheme: str
) -> None:
    for _ in range(4):
        make_item(project)
    services.set_flow_policy(project, daily_limit=2)
    page = open_page(annotator, SCREEN, width=width, scheme=scheme)
    for _ in range(2):
        expect(page.locator("[data-assignment]")).to_be_visible()
        before = page.locator("[data-assignment]").get_attribute("data-assignment")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-assignment='{before}']")).to_have_count(0)
    expect(page.get_by_role("heading", name="Done for today")).to_be_visible()
    expect(page.get_by_text("You have done today’s 2. Tomorrow there is more.")).to_be_visible()
    assert_usable(page)
    page.keyboard.press("u")  # the last one can be thought over
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Done for today")).to_be_visible()
    assert Tally.objects.get().today == 2
    services.set_flow_policy(project, daily_limit=3)  # the page goes on by itself
    expect(page.locator("[data-assignment]")).to_be_visible()
    page.goto("/projects/demo/me/")
    expect(page.get_by_text("Today: 2 of at most 3 answers.")).to_be_visible()
    assert_usable(page)


@BOTH
def test_a_researcher_starts_pauses_and_closes_a_batch(
    open_page: OpenPage,
    project: Project,
    annotator: User,
    researcher: User,
    width: int,
    scheme: str,
) -> None:
    for _ in range(3):
        make_item(project)
    page = open_page(researcher, "/projects/demo/batches/", width=width, scheme=scheme)
    expect(page.get_by_role("heading", name="No batches yet")).to_be_visible()
    assert_usable(page)
    page.get_by_label("Name").fill("Pilot of the week")
    page.get_by_label("Put into it").select_option("all")
    page.get_by_label("annotator").check()
    page.get_by_role("button", name="Start it").click()
    expect(page.get_by_role("status")).to_contain_text("Pilot of the week is there, with 3 items.")
    expect(page.get_by_text("For annotator")).to_be_visible()
    assert_usable(page)
    page.get_by_role("button", name="Pause Pilot of the week").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("is paused")
    assert project.items.filter(status="paused").count() == 3
    assert_usable(page)
    page.get_by_role("button", name="Resume Pilot of the week").click()
    expect(page.get_by_role("status")).to_contain_text("goes on")
    page.get_by_role("link", name="Pilot of the week").click()
    page.get_by_label("Closes").fill("2020-01-01T10:00")
    assert_usable(page)
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    expect(page.get_by_text("closed", exact=True)).to_be_visible()
    assert project.items.filter(status="paused").count() == 3
    page.goto("/projects/demo/items/build/")
    page.get_by_label("Items of").select_option("Pilot of the week")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".table")).to_contain_text("random")
    assert_usable(page)


@BOTH
def test_an_item_comes_back_and_says_how_consistent_a_person_is(
    open_page: OpenPage, project: Project, annotator: User, manager: User, width: int, scheme: str
) -> None:
    """The person stays with the left response: what was A is B now, and A is chosen again."""
    services.set_flow_policy(project, retest_share=0.01, retest_after=1)
    said = make_annotation(make_item(project), annotator)
    first = said.assignment
    left = {"strength": 2 if first.display_order[0] == 0 else -2, "both_bad": False}
    services.submit_answer(first, answer=left, submit_key="left")
    Retest.objects.filter(first=first).delete()
    Retest.objects.create(project=project, annotator=annotator, first=first, due=1)
    make_item(project)
    page = open_page(annotator, SCREEN, width=width, scheme=scheme)
    expect(page.get_by_text(str(first.item.prompt))).to_be_visible()
    assert_usable(page)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text(str(first.item.prompt))).to_have_count(0)

    office = open_page(
        manager, f"/projects/demo/people/{annotator.pk}/", width=width, scheme=scheme
    )
    card = office.locator("section", has=office.get_by_text("Items that came back"))
    expect(card.get_by_text("1 of 1 pairs")).to_be_visible()
    expect(card.get_by_text("0 of 1 pairs")).to_be_visible()
    assert_usable(office)
    Annotation.objects.update(created=monday().replace(year=2020))
    page.goto("/projects/demo/me/")
    expect(page.get_by_text("The same answer again")).to_be_visible()
    assert_usable(page)


@BOTH
def test_a_reason_that_is_too_short_is_said_at_the_field(
    open_page: OpenPage, project: Project, annotator: User, manager: User, width: int, scheme: str
) -> None:
    page = open_page(manager, "/projects/demo/settings/", width=width, scheme=scheme)
    page.get_by_label("A reason is required").check()
    page.get_by_label("Characters of a reason, at least").fill("20")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_contain_text("Saved")
    assert_usable(page)
    make_item(project)
    screen = open_page(annotator, SCREEN, width=width, scheme=scheme)
    reason = screen.get_by_label("Reason, at least 20 characters")
    expect(reason).to_be_visible()
    screen.keyboard.press("1")
    reason.fill("Because.")
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("alert")).to_contain_text("at least 20 characters; these are 8.")
    assert_usable(screen)
    reason.fill("It names the year, the other does not.")
    screen.keyboard.press("Enter")
    expect(screen.get_by_role("heading", name="You’re all caught up")).to_be_visible()
