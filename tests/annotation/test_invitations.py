"""Invitations: who comes in by a link, as what, how often, and what refuses them."""

import logging
import re
from datetime import timedelta
from io import StringIO
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from annotation import queries_invitations, services
from annotation.models import Invitation, Membership, Project
from annotation.permissions import role_of
from config.logs import HideSecrets
from tests.builders import PASSWORD, make_member, make_project, make_user

NEW = {"username": "newcomer", "password": PASSWORD, "again": PASSWORD}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def link_of(secret: str) -> str:
    return reverse("join", args=[secret])


@pytest.fixture
def secret(project: Project, manager: User) -> str:
    return services.create_invitation(project, by=manager)[1]


# --- making -------------------------------------------------------------------------------------


def test_a_manager_gets_a_link_once_and_only_its_digest_is_kept(
    project: Project, manager: User
) -> None:
    client = signed_in(manager)
    sent = {"role": "reviewer", "max_people": "3", "days": "2"}
    page = client.post(reverse("invite", args=[project.slug]), sent).content.decode()
    found = re.search(r"http://testserver(/join/[^<]+)", page)
    assert found
    invitation = Invitation.objects.get()
    assert (invitation.role, invitation.max_people, invitation.people) == ("reviewer", 3, 0)
    assert abs(invitation.expires - timezone.now() - timedelta(days=2)) < timedelta(minutes=1)
    secret = found[1].strip("/").split("/")[1]
    assert secret not in str(Invitation.objects.values())
    listed = client.get(reverse("members", args=[project.slug])).content.decode()
    assert secret not in listed
    assert "0 of 3" in listed
    assert Client().get(found[1]).status_code == 200
    assert mail.outbox == []  # no server is named


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("max_people", "0", "At least one person."),
        ("max_people", "501", "At most 500 people"),
        ("days", "91", "At most 90 days."),
        ("email", "nobody", "Enter a valid email address."),
        ("role", "owner", "owner is not one of the available choices."),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    project: Project, manager: User, field: str, value: str, sentence: str
) -> None:
    sent = {"role": "annotator", "max_people": "1", "days": "7", field: value}
    answer = signed_in(manager).post(reverse("invite", args=[project.slug]), sent)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Invitation.objects.exists()


def test_an_address_is_for_one_person(project: Project, manager: User) -> None:
    sent = {"role": "annotator", "max_people": "2", "days": "7", "email": "a@example.org"}
    answer = signed_in(manager).post(reverse("invite", args=[project.slug]), sent)
    assert "for one person" in answer.content.decode()


def test_only_managers_make_links(project: Project, researcher: User) -> None:
    with pytest.raises(services.NotAllowed):
        services.create_invitation(project, by=researcher)


@pytest.mark.parametrize("works", [True, False])
def test_the_link_is_mailed_where_a_server_is_named(
    project: Project, manager: User, settings: Settings, works: bool
) -> None:
    settings.EMAIL_IS_ON = True
    if not works:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    sent = {"role": "annotator", "max_people": "1", "days": "7", "email": "new@example.org"}
    page = signed_in(manager).post(reverse("invite", args=[project.slug]), sent).content.decode()
    link = re.search(r"http://testserver/join/[^<]+", page)
    assert link
    if works:
        (message,) = mail.outbox
        assert message.to == ["new@example.org"]
        assert link[0] in message.body
        assert "on its way" in page
    else:
        assert "pass this link on yourself" in page
        assert Client().get(link[0]).status_code == 200


# --- coming in ----------------------------------------------------------------------------------


def test_somebody_new_chooses_a_name_and_a_password_and_is_in(
    project: Project, secret: str
) -> None:
    client = Client()
    answer = client.post(link_of(secret), NEW, follow=True)
    assert answer.redirect_chain == [(reverse("project", args=[project.slug]), 302)]
    user = User.objects.get(username="newcomer")
    assert role_of(user, project) == "annotator"
    assert user.check_password(PASSWORD)
    assert not user.is_staff
    (line,) = queries_invitations.invitations(project)
    assert (line.state, line.people, line.came) == ("used", 1, ["newcomer"])
    login = {"login": "newcomer", "password": PASSWORD}
    assert Client().post(reverse("account_login"), login).status_code == 302


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": "password1234", "again": "password1234"}, "too common"),
        ({"password": "newcomer1234", "again": "newcomer1234"}, "too similar"),
        ({"again": "something else entirely"}, "The two passwords differ."),
        ({"username": "two words"}, "Enter a valid username."),
        ({"username": "MANAGER"}, "Choose another name."),
        ({"username": ""}, "This field is required."),
    ],
)
def test_what_does_not_do_is_said_and_nothing_is_made(
    secret: str, changed: dict[str, str], sentence: str
) -> None:
    before = User.objects.count()
    answer = Client().post(link_of(secret), NEW | changed)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert PASSWORD not in answer.content.decode()
    assert User.objects.count() == before
    assert Invitation.objects.get().people == 0


def test_somebody_with_an_account_joins_by_a_click(secret: str, project: Project) -> None:
    user = make_user("old_hand")
    client = signed_in(user)
    assert "Join as old_hand" in client.get(link_of(secret)).content.decode()
    assert role_of(user, project) is None  # looking changes nothing
    client.post(link_of(secret))
    assert role_of(user, project) == "annotator"
    assert User.objects.filter(username="newcomer").count() == 0


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("used", "This invitation has been used."),
        ("expired", "This invitation has expired."),
        ("revoked", "This invitation was revoked."),
        ("void", "no longer manages the project"),
        ("archived", "archived"),
    ],
)
def test_a_closed_link_says_so_in_a_sentence(
    project: Project, manager: User, secret: str, state: str, sentence: str
) -> None:
    if state == "used":
        Client().post(link_of(secret), NEW | {"username": "first_one"})
    elif state == "expired":
        Invitation.objects.update(expires=timezone.now())
    elif state == "revoked":
        address = reverse("revoke_invitation", args=[project.slug, Invitation.objects.get().pk])
        signed_in(manager).post(address)
    elif state == "void":
        make_member(project, Membership.Role.MANAGER)
        services.add_member(project, manager, Membership.Role.ANNOTATOR)
    else:
        services.update_project(project, is_archived=True)
    for client in (Client(), signed_in(make_user())):
        for answer in (client.get(link_of(secret)), client.post(link_of(secret), NEW)):
            assert answer.status_code == 410
            assert sentence in answer.content.decode()
    assert not User.objects.filter(username="newcomer").exists()
    if state != "archived":
        assert queries_invitations.invitations(project)[0].state == state


def test_an_unknown_link_tells_nothing(project: Project) -> None:
    answer = Client().get(link_of("x" * 43))
    assert answer.status_code == 404
    assert project.name not in answer.content.decode()


def test_no_role_is_lowered_and_a_higher_one_is_given(project: Project, manager: User) -> None:
    reviewer = make_member(project, Membership.Role.REVIEWER)
    low, _ = services.create_invitation(project, by=manager, role="annotator")
    assert services.accept_invitation(low, reviewer).role == "reviewer"
    assert services.accept_invitation(low, manager).role == "manager"
    low.refresh_from_db()
    assert low.people == 0  # whoever is in already takes nobody's place
    high, _ = services.create_invitation(project, by=manager, role="researcher", max_people=2)
    assert services.accept_invitation(high, reviewer).role == "researcher"
    high.refresh_from_db()
    assert high.people == 1
    reviewer.refresh_from_db()
    assert reviewer.is_staff


def test_nobody_takes_two_places_of_one_link(project: Project, manager: User) -> None:
    invitation, _ = services.create_invitation(project, by=manager, max_people=5)
    user = make_user()
    services.accept_invitation(invitation, user)
    services.remove_member(project, user)
    with pytest.raises(services.NotAllowed, match="came in by this invitation before"):
        services.accept_invitation(invitation, user)
    assert role_of(user, project) is None


def test_one_project_does_not_revoke_anothers(project: Project, manager: User) -> None:
    there = make_project()
    elsewhere = make_member(there, Membership.Role.MANAGER)
    invitation, _ = services.create_invitation(there, by=elsewhere)
    address = reverse("revoke_invitation", args=[project.slug, invitation.pk])
    assert signed_in(manager).post(address).status_code == 404
    invitation.refresh_from_db()
    assert invitation.revoked is None


def test_the_log_keeps_the_secret_to_itself(secret: str) -> None:
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(HideSecrets())
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    Client().post(link_of(secret), {"username": ""})
    logger.removeHandler(handler)
    assert "/join/…/" in written.getvalue()
    assert secret not in written.getvalue()


def test_tries_are_limited(secret: str) -> None:
    client = Client()
    statuses = {client.post(link_of(secret), {"username": ""}).status_code for _ in range(25)}
    assert statuses == {422, 429}


def test_many_invitations_cost_no_more_queries(
    project: Project, manager: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(12):
        invitation, _ = services.create_invitation(project, by=manager)
        services.accept_invitation(invitation, make_user())
    with django_assert_max_num_queries(3):
        assert len(queries_invitations.invitations(project)) == 12


# --- all at once --------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_all_who_want_the_last_place_exactly_one_gets_in(
    project: Project, manager: User
) -> None:
    invitation, secret = services.create_invitation(project, by=manager, max_people=2)
    services.accept_invitation(invitation, make_user("first_one"))
    people, start, said = 6, Barrier(6), list[int]()

    def come(number: int) -> None:
        client = Client(REMOTE_ADDR=f"10.0.0.{number}")
        start.wait()
        answer: Any = client.post(link_of(secret), NEW | {"username": f"late_{number}"})
        said.append(answer.status_code)
        connection.close()

    threads = [Thread(target=come, args=[number]) for number in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert said.count(302) == 1
    assert len(said) == people
    assert set(said) <= {302, 410, 422}
    assert User.objects.filter(username__startswith="late_").count() == 1
    invitation.refresh_from_db()
    assert invitation.people == project.memberships.exclude(user=manager).count() == 2
