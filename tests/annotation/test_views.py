"""The doors of the annotator's screen and of a project's own pages."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from annotation import services
from annotation.models import Annotation, Assignment, Flag, Membership, Project
from tests.builders import (
    PASSWORD,
    make_annotation,
    make_assignment,
    make_item,
    make_member,
    make_user,
)

POSTS = ("submit", "skip", "flag", "draft", "heartbeat")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def answer_fields(**fields: str) -> dict[str, str]:
    return {"strength": "2", "submit_key": "key", "seconds": "3.5"} | fields


@pytest.fixture
def assignment(project: Project, annotator: User) -> Assignment:
    return make_assignment(make_item(project), annotator)


def post(client: Client, name: str, assignment: Assignment, **fields: str) -> Any:
    return client.post(reverse(name, args=[assignment.key]), fields)


# --- the next item ------------------------------------------------------------------------------


def test_the_next_item_is_what_the_browser_does_not_hold(project: Project, annotator: User) -> None:
    for _ in range(3):
        make_item(project)
    client, url, held = signed_in(annotator), reverse("next_item", args=[project.slug]), []
    for _ in range(3):
        page = client.post(url, {"held": ",".join(held)}).content.decode()
        held.extend(re.findall(r'data-assignment="([^"]+)"', page))
    assert len(set(held)) == 3
    assert client.post(url, {"held": ",".join(held)}).status_code == 204
    again = client.post(url).content.decode()
    assert f'data-assignment="{held[0]}"' in again  # left open: it comes back first
    assert Assignment.objects.count() == 3


@pytest.mark.parametrize("name", ["next_item", "undo"])
def test_looking_claims_nothing(project: Project, annotator: User, name: str) -> None:
    make_item(project)
    client = signed_in(annotator)
    assert client.get(reverse("annotate", args=[project.slug])).status_code == 200
    assert client.get(reverse(name, args=[project.slug])).status_code == 405
    assert Assignment.objects.count() == 0


def test_an_item_says_nothing_about_its_sources(project: Project, annotator: User) -> None:
    item = make_item(project, ["one", "two"], sources=["canary_a", "canary_b"])
    page = signed_in(annotator).post(reverse("next_item", args=[project.slug])).content.decode()
    assert "canary" not in page
    assert "one" in page
    numbers = set(re.findall(r"\b\d+\b", re.sub(r'="[^"]*"', "", page)))
    ids = {str(each.pk) for each in item.responses.all()}
    assert not any(f'"{each}"' in page for each in ids - {"1", "2"}), numbers


def test_one_item_costs_few_queries(
    project: Project, annotator: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        make_item(project)
    client = signed_in(annotator)
    with django_assert_max_num_queries(24):
        client.post(reverse("next_item", args=[project.slug]))


# --- answering ----------------------------------------------------------------------------------


def test_an_answer_is_stored_as_it_was_shown(assignment: Assignment, annotator: User) -> None:
    order = [1, 0]
    Assignment.objects.filter(pk=assignment.pk).update(display_order=order)
    answer = post(
        signed_in(annotator), "submit", assignment, **answer_fields(rationale="A names it.")
    )
    assert answer.status_code == 200
    stored = Annotation.objects.get()
    assert stored.answer == {"strength": -2, "both_bad": False}  # A was canonical response 1
    assert (stored.rationale, stored.seconds) == ("A names it.", 3.5)


def test_both_bad_is_stored_as_such(assignment: Assignment, annotator: User) -> None:
    fields = answer_fields(strength="", both_bad="on")
    assert post(signed_in(annotator), "submit", assignment, **fields).status_code == 200
    assert Annotation.objects.get().answer == {"strength": 0, "both_bad": True}


def test_the_same_key_stores_once_and_another_answer_under_it_is_refused(
    assignment: Assignment, annotator: User
) -> None:
    client = signed_in(annotator)
    for _ in range(2):
        assert post(client, "submit", assignment, **answer_fields()).status_code == 200
    refused = post(client, "submit", assignment, **answer_fields(strength="-1"))
    assert refused.status_code == 409
    assert "another answer" in refused.json()["message"]
    assert Annotation.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"strength": ""}, "strength"),
        ({"strength": "4"}, "strength"),
        ({"submit_key": ""}, "submit_key"),
        ({"submit_key": "k" * 65}, "submit_key"),
        ({"seconds": "soon"}, "seconds"),
        ({"rationale": "x" * 10_001}, "rationale"),
        ({"rationale": "nul \x00"}, "rationale"),
    ],
)
def test_an_answer_that_cannot_stand_is_refused_with_its_field(
    assignment: Assignment, annotator: User, fields: dict[str, str], field: str
) -> None:
    refused = post(signed_in(annotator), "submit", assignment, **answer_fields(**fields))
    assert refused.status_code == 422
    assert list(refused.json()["errors"]) == [field]
    assert Annotation.objects.count() == 0


def test_skipping_needs_a_reason_and_ends_the_turn(assignment: Assignment, annotator: User) -> None:
    client = signed_in(annotator)
    assert post(client, "skip", assignment, reason=" ").status_code == 422
    assert post(client, "skip", assignment, reason="not my subject").status_code == 200
    assignment.refresh_from_db()
    assert (assignment.status, assignment.skip_reason) == ("skipped", "not my subject")
    late = post(client, "submit", assignment, **answer_fields())
    assert late.status_code == 409
    assert "skipped" in late.json()["message"]


def test_a_flag_leaves_the_turn_open(assignment: Assignment, annotator: User) -> None:
    client = signed_in(annotator)
    assert (
        post(client, "flag", assignment, reason="Wrong language", note="Dutch").status_code == 200
    )
    assert Flag.objects.get().note == "Dutch"
    assert post(client, "submit", assignment, **answer_fields()).status_code == 200


def test_a_draft_is_given_back_with_the_item(
    project: Project, assignment: Assignment, annotator: User
) -> None:
    client = signed_in(annotator)
    fields = {"strength": ["-1"], "rationale": ['half "a" <sen']}
    stored = post(client, "draft", assignment, draft=json.dumps(fields), version="3")
    assert stored.json() == {"version": 3}
    older = post(client, "draft", assignment, draft="{}", version="2")
    assert older.json() == {"version": 3}
    page = client.post(reverse("next_item", args=[project.slug])).content.decode()
    assert "half \\&quot;a\\&quot; &lt;sen" in page
    assert 'data-draft-version="3"' in page


@pytest.mark.parametrize("draft", ["{", "[]", '"x"', "[" * 30_000])
def test_a_draft_is_an_object(assignment: Assignment, annotator: User, draft: str) -> None:
    refused = post(signed_in(annotator), "draft", assignment, draft=draft, version="1")
    assert refused.status_code == 422


def test_an_answer_carries_the_first_sign_of_life_of_the_item_that_follows(
    project: Project, assignment: Assignment, annotator: User
) -> None:
    client = signed_in(annotator)
    following, others = (make_assignment(make_item(project), who) for who in (annotator, None))
    answer = {"strength": "1", "submit_key": "k1", "opens": str(following.key)}
    heard = post(client, "submit", assignment, **answer)
    assert heard.json() == {"opened": True, "progress": {"done": 1, "total": 3, "mine": 1}}
    following.refresh_from_db()
    assert following.opened is not None
    first = following.opened

    again = post(client, "submit", assignment, **answer)  # what is open is not opened again
    assert (again.status_code, again.json()) == (200, {})
    foreign = post(client, "submit", following, strength="1", submit_key="k2", opens=others.key)
    assert (foreign.status_code, foreign.json()) == (200, {})
    following.refresh_from_db()
    others.refresh_from_db()
    assert (following.opened, others.opened) == (first, None)
    wrong = post(client, "submit", assignment, strength="1", submit_key="k3", opens="no key")
    assert list(wrong.json()["errors"]) == ["opens"]


def test_a_heartbeat_extends_the_lease_and_says_when_it_is_lost(
    project: Project, assignment: Assignment, annotator: User
) -> None:
    client = signed_in(annotator)
    before = assignment.lease_until
    heard = post(client, "heartbeat", assignment, active_seconds="4", opened="1")
    assert heard.json() == {"progress": {"done": 0, "total": 1, "mine": 0}}
    assignment.refresh_from_db()
    assert assignment.lease_until > before
    assert assignment.active_seconds == 4
    assert assignment.opened is not None
    Assignment.objects.filter(pk=assignment.pk).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    services.release_stale(project)
    make_annotation(assignment.item)
    lost = post(client, "heartbeat", assignment, active_seconds="5")
    assert lost.status_code == 409
    assert "someone else" in lost.json()["message"]


def test_undo_brings_the_last_answer_back_filled_in(
    project: Project, assignment: Assignment, annotator: User
) -> None:
    client = signed_in(annotator)
    url = reverse("undo", args=[project.slug])
    assert client.post(url).status_code == 204
    post(client, "submit", assignment, **answer_fields(rationale="because"))
    page = client.post(url).content.decode()
    assert f'data-assignment="{assignment.key}"' in page
    assert re.search(r'value="2"[^>]*checked', page)
    assert "because" in page
    make_item(project)
    other = client.post(reverse("next_item", args=[project.slug]), {"held": str(assignment.key)})
    assert "checked" not in other.content.decode()  # nothing of it was kept for other items


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POSTS)
def test_only_the_assignments_own_annotator_may(
    project: Project, assignment: Assignment, name: str
) -> None:
    anonymous = post(Client(), name, assignment)
    assert anonymous.status_code == 401
    assert anonymous.json() == {"message": "You are signed out."}
    for other in (make_member(project), make_member(project, Membership.Role.MANAGER)):
        assert post(signed_in(other), name, assignment).status_code == 404


def test_someone_who_left_the_project_cannot_answer(
    project: Project, assignment: Assignment, annotator: User
) -> None:
    services.remove_member(project, annotator)
    answer = post(signed_in(annotator), "submit", assignment, **answer_fields())
    assert answer.status_code == 404
    assert Annotation.objects.count() == 0


@pytest.mark.parametrize("name", ["project", "annotate", "guidelines"])
def test_strangers_find_no_project(project: Project, annotator_elsewhere: User, name: str) -> None:
    url = reverse(name, args=[project.slug])
    assert signed_in(annotator_elsewhere).get(url).status_code == 404
    assert Client().get(url).status_code == 302


@pytest.mark.parametrize("name", ["members", "project_settings"])
def test_only_managers_manage(
    project: Project, annotator: User, researcher: User, manager: User, name: str
) -> None:
    url = reverse(name, args=[project.slug])
    statuses = [signed_in(user).get(url).status_code for user in (annotator, researcher, manager)]
    assert statuses == [403, 403, 200]


def test_posts_need_the_csrf_token(assignment: Assignment, annotator: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(annotator)
    assert post(client, "submit", assignment, **answer_fields()).status_code == 403
    assert Annotation.objects.count() == 0


# --- a project's own pages ----------------------------------------------------------------------


def test_a_new_member_gets_an_account_whose_password_is_shown_once(
    project: Project, manager: User
) -> None:
    client, url = signed_in(manager), reverse("members", args=[project.slug])
    page = client.post(url, {"username": "newcomer", "role": "annotator"})
    found = re.search(r'id="new-password">([a-z0-9-]{23})<', page.content.decode())
    assert found is not None
    assert Client().login(username="newcomer", password=found[1])
    assert found[1] not in client.get(url).content.decode()
    assert "no-store" in page["Cache-Control"]
    again = client.post(url, {"username": "Newcomer", "role": "annotator"})
    assert again.status_code == 422
    assert "in the project already" in again.content.decode()


def test_a_manager_cannot_take_over_accounts_that_belong_elsewhere(
    project: Project, project_elsewhere: Project, manager: User, annotator: User, admin: User
) -> None:
    client = signed_in(manager)
    services.add_member(project, admin, Membership.Role.ANNOTATOR)
    shared = make_member(project)
    services.add_member(project_elsewhere, shared)
    for user in (shared, admin, manager):
        client.post(reverse("member", args=[project.slug, user.pk]), {"action": "password"})
        user.refresh_from_db()
        assert user.check_password(PASSWORD), user
    page = client.post(
        reverse("member", args=[project.slug, annotator.pk]), {"action": "password"}
    ).content.decode()
    annotator.refresh_from_db()
    found = re.search(r'id="new-password">([a-z0-9-]{23})<', page)
    assert found is not None
    assert annotator.check_password(found[1])
    outsider = make_user()
    url = reverse("member", args=[project.slug, outsider.pk])
    assert client.post(url, {"action": "password"}).status_code == 404


def test_roles_change_and_members_leave_but_a_manager_stays(
    project: Project, manager: User, annotator: User
) -> None:
    client = signed_in(manager)
    url = reverse("member", args=[project.slug, annotator.pk])
    client.post(url, {"action": "role", "role": "researcher"})
    assert project.memberships.get(user=annotator).role == "researcher"
    assert User.objects.get(pk=annotator.pk).is_staff  # the admin panel is open to them
    client.post(url, {"action": "role", "role": "emperor"})
    assert project.memberships.get(user=annotator).role == "researcher"
    client.post(url, {"action": "remove"})
    assert not project.memberships.filter(user=annotator).exists()
    client.post(reverse("member", args=[project.slug, manager.pk]), {"action": "remove"})
    assert project.memberships.filter(user=manager).exists()


def test_staff_start_projects_and_manage_them(annotator: User, researcher: User) -> None:
    fields = {
        "name": "Kind answers",
        "slug": "kind_answers",
        "task_type": "pairwise",
        "answers_per_item": "3",
        "lease_seconds": "600",
        "test_share": "0.2",
        "render_markdown": "on",
        "pairwise-allow_tie": "on",
    }
    assert signed_in(annotator).post(reverse("project_new"), fields).status_code == 403
    client = signed_in(researcher)
    assert client.post(reverse("project_new"), fields | {"slug": "Bad slug"}).status_code == 422
    assert client.post(reverse("project_new"), fields | {"slug": "demo"}).status_code == 422
    assert client.post(reverse("project_new"), fields).status_code == 302
    project = Project.objects.get(slug="kind_answers")
    assert project.memberships.get(user=researcher).role == "manager"
    assert project.task_config == {"allow_both_bad": False}
    assert (project.answers_per_item, project.lease_seconds) == (3, 600)


def test_settings_are_kept_and_what_is_chosen_once_stays(project: Project, manager: User) -> None:
    services.update_project(project, task_config={"attributes": ["truth"], "allow_tie": False})
    client, url = signed_in(manager), reverse("project_settings", args=[project.slug])
    fields = {"name": "Renamed", "answers_per_item": "2", "lease_seconds": "120"}
    tampered = {"slug": "other", "task_type": "ranking", "test_share": "0.9"}
    answer = client.post(
        url, fields | tampered | {"rationale_required": "on", "pairwise-allow_tie": "on"}
    )
    assert answer.status_code == 302
    project.refresh_from_db()
    assert (project.name, project.slug, project.task_type) == ("Renamed", "demo", "pairwise")
    assert project.test_share == 0.1
    assert project.task_config == {
        "attributes": ["truth"],
        "rationale": "required",
        "allow_both_bad": False,
    }
    assert client.post(url, fields | {"lease_seconds": "5"}).status_code == 422
    assert client.post(url, fields | {"answers_per_item": "0"}).status_code == 422


def test_settings_of_the_question_are_shown_as_they_are_stored(
    project: Project, manager: User
) -> None:
    client, url = signed_in(manager), reverse("project_settings", args=[project.slug])
    fields = {"name": "Demo", "answers_per_item": "2", "lease_seconds": "120", "read_first": "on"}
    asked = {
        "pairwise-scale": "4",
        "pairwise-words": "",
        "pairwise-dimensions": "helpfulness\r\n\r\nhonesty\r\n",
        "pairwise-reasons": "more accurate",
        "pairwise-allow_tie": "on",
        "pairwise-allow_both_bad": "on",
    }
    assert client.post(url, fields | asked).status_code == 302
    project.refresh_from_db()
    assert project.task_config == {
        "scale": 4,
        "dimensions": ["helpfulness", "honesty"],
        "reasons": ["more accurate"],
        "read_first": True,
    }
    page = client.get(url).content.decode()
    assert "helpfulness\nhonesty</textarea>" in page
    assert '<option value="4" selected>' in page
    answer = client.post(url, fields | asked | {"pairwise-reasons": "same\nsame"})
    assert answer.status_code == 422
    assert "Two lines are the same." in answer.content.decode()
    assert client.post(url, fields | asked | {"pairwise-scale": "3"}).status_code == 422


def test_the_words_that_differ_come_in_display_order(
    project: Project, annotator: User, assignment: Assignment
) -> None:
    answer = post(signed_in(annotator), "word_diff", assignment)
    shown = ["".join(text for text, _ in side) for side in answer.json()["responses"]]
    texts = [each.response.text for each in assignment.item.item_responses.order_by("position")]
    assert shown == [texts[index] for index in assignment.display_order]
    ranking = make_item(project, ["one", "two", "three"], task_type="ranking")
    asked = post(signed_in(annotator), "word_diff", make_assignment(ranking, annotator))
    assert asked.status_code == 404


def test_guidelines_are_read_by_all_and_written_by_managers(
    project: Project, annotator: User, manager: User
) -> None:
    url = reverse("guidelines", args=[project.slug])
    assert "more helpful" in signed_in(annotator).get(url).content.decode()
    assert signed_in(annotator).post(url, {"text": "mine"}).status_code == 403
    signed_in(manager).post(url, {"text": "Prefer the **shorter** one."})
    page = signed_in(annotator).get(url).content.decode()
    assert "<strong>shorter</strong>" in page
    assert "version 2" in page


def test_the_overview_shows_researchers_more_than_annotators(
    project: Project, annotator: User, researcher: User
) -> None:
    item = make_item(project)
    services.flag(make_assignment(item, annotator), "Harmful or illegal", "look at this")
    url = reverse("project", args=[project.slug])
    assert "look at this" in signed_in(researcher).get(url).content.decode()
    assert "look at this" not in signed_in(annotator).get(url).content.decode()


def test_home_lists_the_readers_projects_only(
    project: Project, project_elsewhere: Project, annotator: User
) -> None:
    page = signed_in(annotator).get(reverse("home")).content.decode()
    assert project.name in page
    assert project_elsewhere.name not in page


def test_the_admin_has_no_login_of_its_own(admin: User) -> None:
    answer = Client().get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "Train" in signed_in(admin).get("/admin/").content.decode() or not Project.objects.all()
