"""The admin panel shows staff their own projects, changes no answer and makes no superuser."""

from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import Permission, User
from django.test import Client

from annotation.admin_base import ProjectAdmin
from annotation.models import Annotation, Flag, Membership, Project
from tests.builders import make_annotation, make_item, make_member

pytestmark = pytest.mark.django_db

ADMIN_TABLES: dict[str, Any] = {
    model._meta.model_name or "": model
    for model, table in django_admin.site._registry.items()
    if isinstance(table, ProjectAdmin) and model._meta.app_label == "annotation"
}
TABLES = sorted(ADMIN_TABLES)


@pytest.fixture
def annotation(project: Project) -> Annotation:
    return make_annotation(make_item(project, ["one", "two"], sources=["mine", "mine"]))


@pytest.fixture
def foreign(project_elsewhere: Project) -> Annotation:
    return make_annotation(
        make_item(project_elsewhere, ["three", "four"], sources=["foreign_one", "foreign_two"])
    )


@pytest.fixture
def staff(project: Project, client: Client) -> Client:
    """A researcher of one project with every one of Django's own permissions."""
    user = make_member(project, Membership.Role.RESEARCHER, "staff")
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.all())
    client.force_login(user)
    return client


@pytest.mark.parametrize("table", TABLES)
def test_every_table_opens_and_is_closed_to_people_who_are_not_staff(
    table: str, annotation: Annotation, admin: User, annotator: User, client: Client
) -> None:
    page = f"/admin/annotation/{table}/"
    client.force_login(admin)
    assert client.get(page).status_code == 200
    assert client.get(page, {"q": "x"}).status_code == 200
    row = next(iter(ADMIN_TABLES[table].objects.all()), None)
    if row is not None:
        assert client.get(f"{page}{row.pk}/change/").status_code == 200
    client.force_login(annotator)
    assert client.get(page).status_code == 302


@pytest.mark.parametrize("table", TABLES)
def test_staff_see_their_own_projects_alone(
    table: str, annotation: Annotation, foreign: Annotation, staff: Client
) -> None:
    page = staff.get(f"/admin/annotation/{table}/")
    assert page.status_code == 200
    text = page.content.decode()
    assert not [word for word in ("foreign_one", "Elsewhere", "elsewhere") if word in text]


def test_a_row_of_another_project_does_not_exist_for_staff(
    annotation: Annotation, foreign: Annotation, staff: Client
) -> None:
    own, other = annotation.assignment.item, foreign.assignment.item
    assert staff.get(f"/admin/annotation/item/{own.pk}/change/").status_code == 200
    assert staff.get(f"/admin/annotation/item/{other.pk}/change/").status_code == 302
    assert staff.get(f"/admin/annotation/annotation/{foreign.pk}/change/").status_code == 302


def test_an_annotator_who_is_staff_sees_no_row(
    project: Project, annotation: Annotation, client: Client
) -> None:
    user = make_member(project, Membership.Role.ANNOTATOR)
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert "mine" not in client.get("/admin/annotation/source/").content.decode()
    page = f"/admin/annotation/annotation/{annotation.pk}/change/"
    assert client.get(page).status_code == 302


@pytest.mark.parametrize("step", ["change/", "delete/"])
def test_nobody_changes_or_deletes_an_answer(
    step: str, annotation: Annotation, admin: User, client: Client
) -> None:
    client.force_login(admin)
    reply = client.post(
        f"/admin/annotation/annotation/{annotation.pk}/{step}",
        {"answer": '{"strength": -3, "both_bad": false}', "post": "yes"},
    )
    assert reply.status_code == 403
    annotation.refresh_from_db()
    assert annotation.answer == {"strength": 2, "both_bad": False}
    assert client.get("/admin/annotation/annotation/add/").status_code == 403


def test_staff_cannot_make_a_superuser(staff: Client) -> None:
    me = User.objects.get(username="staff")
    for address in (f"/admin/auth/user/{me.pk}/change/", "/admin/auth/user/add/"):
        assert staff.post(address, {"username": "staff", "is_superuser": "on"}).status_code == 403
    me.refresh_from_db()
    assert not me.is_superuser
    assert staff.get("/admin/auth/group/").status_code == 404
    assert staff.get("/admin/knox/authtoken/").status_code == 404


def test_new_imports_and_exports_begin_on_the_project_s_page(staff: Client) -> None:
    for table, page in (("importbatch", "imports"), ("export", "exports")):
        reply = staff.get(f"/admin/annotation/{table}/add/")
        assert (reply.status_code, reply["Location"]) == (302, f"/projects/demo/{page}/")


def test_flags_are_resolved_in_one_s_own_projects_alone(
    annotation: Annotation, foreign: Annotation, staff: Client
) -> None:
    flags = [
        Flag.objects.create(
            item=said.assignment.item, annotator=said.assignment.annotator, reason="odd"
        )
        for said in (annotation, foreign)
    ]
    staff.post(
        "/admin/annotation/flag/",
        {"action": "resolve", "_selected_action": [flag.pk for flag in flags]},
    )
    for flag in flags:
        flag.refresh_from_db()
    assert flags[0].resolved is not None
    assert flags[1].resolved is None


@pytest.mark.parametrize(("table", "lookup"), [("endpoint", "api_key"), ("conversation", "draft")])
def test_a_column_that_is_hidden_cannot_be_guessed_by_filtering(
    staff: Client, table: str, lookup: str
) -> None:
    answer = staff.get(f"/admin/annotation/{table}/?{lookup}__startswith=a")
    assert answer.status_code == 400
