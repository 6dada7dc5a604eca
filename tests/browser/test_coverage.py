"""Categories of prompts, coverage and production records, used as researchers use them."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from annotation import services
from annotation.coverage import jobs
from annotation.models import Project
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.builders import make_item, make_prompt

BOTH = pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (375, "dark")])


def assert_usable(page: Page) -> None:
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


@BOTH
def test_a_researcher_sorts_prompts_and_sets_shares_by_keyboard(
    open_page: OpenPage, project: Project, researcher: User, width: int, scheme: str
) -> None:
    first = make_prompt(project, "What is 2 + 2?", category="sums")
    second = make_prompt(project, "Write to my landlord about the heating.")
    page = open_page(researcher, "/projects/demo/prompts/", width=width, scheme=scheme)
    page.get_by_label("Category for them").fill("letters")
    page.get_by_label("Write to my landlord").press("Space")
    assert_usable(page)
    page.get_by_role("button", name="Move them").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("1 prompt moved to “letters”.")
    page.get_by_label("sums, share in %").fill("70")
    page.get_by_label("letters, share in %").fill("40")
    page.get_by_role("button", name="Save shares").press("Enter")
    expect(page.get_by_text("sum to 110 %")).to_be_visible()
    assert_usable(page)
    page.get_by_label("letters, share in %").fill("30")
    page.get_by_role("button", name="Save shares").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Target shares are saved.")
    page.get_by_label("Category", exact=True).last.select_option("sums")
    page.get_by_label("New name").fill("maths")
    page.get_by_role("button", name="Rename").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("“sums” is now “maths”: 1 prompt.")
    assert_usable(page)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.category, second.category) == ("maths", "letters")
    assert dict(project.category_targets.values_list("category", "share")) == {
        "maths": 0.7,
        "letters": 0.3,
    }


@BOTH
def test_a_researcher_reads_the_coverage_and_has_diversity_measured(
    open_page: OpenPage, project: Project, researcher: User, width: int, scheme: str
) -> None:
    for number in range(6):
        category = ("maths", "letters", "")[number % 3]
        make_item(project, prompt=make_prompt(project, category=category))
    services.set_targets(project, {"maths": 0.5, "letters": 0.2})
    page = open_page(researcher, "/projects/demo/coverage/", width=width, scheme=scheme)
    expect(page.get_by_role("row", name="maths").first).to_contain_text("33 %")
    page.get_by_role("button", name="Measure", exact=True).press("Enter")
    expect(page.get_by_text("Measuring …")).to_be_visible()
    assert_usable(page)
    jobs.carry_out(project.diversity_report.pk)
    expect(page.get_by_role("button", name="Measure again")).to_be_visible()
    expect(page.get_by_role("row", name="source demo")).to_contain_text("12")
    page.get_by_text("What the figures mean").press("Enter")
    assert_usable(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Diversity as CSV").press("Enter")
    assert download.value.suggested_filename == "demo_diversity.csv"


@BOTH
def test_a_manager_turns_records_on_and_tries_the_redaction(
    open_page: OpenPage, project: Project, manager: User, width: int, scheme: str
) -> None:
    page = open_page(manager, "/projects/demo/logs/", width=width, scheme=scheme)
    assert_usable(page)
    page.get_by_label("Take records").press("Space")
    page.get_by_label("Words to replace too").fill("Blumberg")
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The policy is saved.")
    expect(page.get_by_text("taking records")).to_be_visible()
    sent = {
        "id": "req_1",
        "model": "assistant-2",
        "messages": [{"role": "user", "content": "I am Anna Blumberg, anna@mail.example."}],
        "response": "Hello!",
    }
    services.take_records(project, [sent, sent | {"id": "req_2", "model": ""}])
    page.get_by_label("A text").fill("Anna Blumberg, +1 415 555 0123, born on 1990-01-31")
    page.get_by_role("button", name="Show").press("Enter")
    shown = page.get_by_role("region", name="What would be stored")
    expect(shown).to_have_text("Anna [word], [phone], born on 1990-01-31")
    expect(page.get_by_role("row", name="[e-mail]")).to_contain_text("1")
    page.get_by_text("How to send records").press("Enter")
    assert_usable(page)
