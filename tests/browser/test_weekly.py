"""A person's week, from the notice on the screen to the account, used as people use it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect
from pytest_django import Settings

from annotation import services
from annotation.models import Annotation, Membership, Project, Verdict, WeekNote
from annotation.services.weeks import choose_weekly_mail, unsubscribe_token
from annotation.weekly.jobs import tell_people
from annotation.weekly.week import last_week
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_annotation, make_item, make_member, make_prompt

SCREEN = "/projects/demo/annotate/"
BOTH = pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])


@pytest.fixture
def told(project: Project, annotator: User, researcher: User, settings: Settings) -> User:
    """The annotator, told of a week with a verdict and a researcher's answer against theirs."""
    settings.WEEKLY_MAIL_IS_ON = True
    reviewer = make_member(project, Membership.Role.REVIEWER)
    for number in range(3):
        prompt = make_prompt(project, f"Why is the sky blue, in {number + 1} words?")
        item = make_item(project, prompt=prompt, answers_wanted=2)
        make_annotation(item, annotator, strength=2, rationale="It is shorter.")
        make_annotation(item, researcher, strength=(-2, 1, -2)[number], rationale="A is false.")
    services.give_verdict(
        item,
        kind="answer",
        answer={"strength": -3, "both_bad": False},
        reason="The first one leaves out *scattering*.",
        reviewer=reviewer,
        submit_key="k",
    )
    turn = item.assignments.get(annotator=annotator)
    services.comment_on_answer(turn, reviewer, "Read both to the end.")
    moment = last_week().start + timedelta(days=2)
    Annotation.objects.update(created=moment)
    Verdict.objects.update(created=moment)
    item.assignments.filter(annotator=annotator).get().answer_comments.update(created=moment)
    make_item(project, prompt=make_prompt(project, "What comes next?"))
    User.objects.filter(pk=annotator.pk).update(email="a@example.org")
    annotator.refresh_from_db()
    tell_people(last_week().ready)
    return annotator


@BOTH
def test_the_notice_is_in_nobodys_way_and_leads_to_the_week(
    open_page: OpenPage, told: User, width: int, scheme: str
) -> None:
    page = open_page(told, SCREEN, width=width, scheme=scheme)
    expect(page.get_by_text("Your week is ready.")).to_be_visible()
    expect(page.get_by_text("What comes next?")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.keyboard.press("1")  # the item is answered as without it
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    page.get_by_role("link", name="Read it").click()
    expect(page.get_by_role("heading", name="Your week", exact=True)).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(2)
    page.get_by_text("The item, as you saw it").first.click()
    expect(page.get_by_text("Read both to the end.")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    assert WeekNote.objects.get().seen is not None
    page.goto(SCREEN)
    expect(page.get_by_role("heading", name="You’re all caught up")).to_be_visible()
    expect(page.get_by_text("Your week is ready.")).to_have_count(0)


def test_the_notice_is_put_away_without_leaving_the_item(open_page: OpenPage, told: User) -> None:
    page = open_page(told, SCREEN)
    expect(page.get_by_text("What comes next?")).to_be_visible()
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_text("Your week is ready.")).to_have_count(0)
    expect(page.get_by_text("What comes next?")).to_be_visible()
    assert WeekNote.objects.get().dismissed is not None


@BOTH
def test_everyone_can_use_the_pages_around_it(
    open_page: OpenPage, told: User, manager: User, width: int, scheme: str
) -> None:
    page = open_page(told, "/account/", width=width, scheme=scheme)
    page.get_by_role("button", name="Send me none").click()
    expect(page.get_by_role("button", name="Send it to me")).to_be_visible()
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)
    page.goto("/projects/demo/week/2020-01-06/")
    expect(page.get_by_role("heading", name="Nothing to compare in this week")).to_be_visible()
    assert_no_axe_violations(page)
    person = open_page(manager, f"/projects/demo/people/{told.pk}/", width=width, scheme=scheme)
    expect(person.get_by_text("not opened yet")).to_be_visible()
    assert_no_axe_violations(person)
    assert_no_sideways_scroll(person)
    choose_weekly_mail(told, True)
    stranger = open_page(None, f"/mail/stop/{unsubscribe_token(told)}/", width=width, scheme=scheme)
    assert_no_axe_violations(stranger)
    stranger.get_by_role("button", name="Send me no more").click()
    expect(stranger.get_by_role("heading", name="No more e-mails")).to_be_visible()
    assert_no_axe_violations(stranger)
    assert_no_sideways_scroll(stranger)
