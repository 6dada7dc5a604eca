"""The page on which a manager says how much is asked of whom."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation.models import FlowPolicy, Project
from annotation.queries_flow import flow_page
from tests.builders import make_annotation, make_item

PAGE = "/projects/demo/workload/"
FIELDS = {
    "max_overlap": "5",
    "agree_share": "0.7",
    "daily_limit": "200",
    "total_limit": "0",
    "share_cap": "0",
    "retest_share": "0",
    "retest_after": "20",
}


@pytest.fixture
def office(client: Client, manager: User) -> Client:
    client.force_login(manager)
    return client


def test_a_manager_sets_it(project: Project, office: Client) -> None:
    assert office.post(PAGE, FIELDS).status_code == 302
    policy = FlowPolicy.objects.get(project=project)
    assert (policy.max_overlap, policy.agree_share, policy.daily_limit) == (5, 0.7, 200)
    assert b'value="5"' in office.get(PAGE).content


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"max_overlap": "1"}, "name more than that"),
        ({"agree_share": "0.2"}, "greater than or equal to 0.5"),
        ({"share_cap": "30"}, "less than or equal to 1"),
        ({"retest_share": "0.6"}, "less than or equal to 0.5"),
        ({"retest_after": "0"}, "greater than or equal to 1"),
        ({"daily_limit": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_does_not_fit_is_said(
    project: Project, office: Client, change: dict[str, str], sentence: str
) -> None:
    refused = office.post(PAGE, FIELDS | change)
    assert refused.status_code == 422
    assert sentence in refused.content.decode()
    assert not FlowPolicy.objects.exists()


def test_what_was_asked_of_more_people_is_counted(project: Project, office: Client) -> None:
    office.post(PAGE, FIELDS)
    project.refresh_from_db()
    items = [make_item(project, answers_wanted=2) for _ in range(3)]
    for item in items[:2]:
        make_annotation(item, strength=2)
        make_annotation(item, strength=-2)
    make_annotation(items[0], strength=2)
    for _ in range(2):
        make_annotation(items[2], strength=1)
    page = flow_page(project)
    assert (page.widened, page.waiting) == (2, 2)
    make_annotation(items[0], strength=2)
    assert (flow_page(project).widened, flow_page(project).waiting) == (2, 1)
