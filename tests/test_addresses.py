"""Numbers that somebody typed into an address: too large, or none."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client

from annotation import services
from annotation.models import Membership, Project
from tests.builders import make_member

HUGE = "9" * 24


@pytest.fixture
def manager(project: Project, client: Client) -> User:
    user = make_member(project, Membership.Role.MANAGER)
    client.force_login(user)
    return user


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"people/{HUGE}/", 404),
        ("runs/?page=²", 200),
        (f"runs/?page={HUGE}", 200),
        ("runs/compare/?run=²", 200),
        (f"runs/compare/?run={HUGE}&run=1", 200),
        (f"runs/compare/metrics/?run={HUGE}", 200),
        (f"runs/{HUGE}/", 404),
        (f"review/{HUGE}/", 404),
    ],
)
def test_a_number_that_is_none_breaks_no_page(
    project: Project, client: Client, manager: User, address: str, status: int
) -> None:
    assert client.get(f"/projects/{project.slug}/{address}").status_code == status


@pytest.mark.parametrize("address", [f"members/{HUGE}/", f"people/{HUGE}/limits/"])
def test_nor_does_it_where_something_is_sent(
    project: Project, client: Client, manager: User, address: str
) -> None:
    sent = {"action": "remove"}
    assert client.post(f"/projects/{project.slug}/{address}", sent).status_code == 404


def test_a_description_has_an_end(client: Client, admin: User) -> None:
    client.force_login(admin)
    refused = client.post("/projects/new/", {"name": "N", "description": "a" * 5001})
    assert "at most 5000 characters" in refused.content.decode()


@pytest.mark.django_db
def test_no_project_stands_where_a_page_does() -> None:
    with pytest.raises(ValidationError, match="A page has the address “new”"):
        services.create_project(slug="new", name="New")
