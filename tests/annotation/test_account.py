"""One's own account: tokens, sessions, and what a new password ends."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from knox.models import AuthToken

from annotation import services
from annotation.models import Project
from tests.builders import PASSWORD, make_user


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


def test_a_token_is_shown_once_works_and_is_revoked(annotator: User) -> None:
    client = signed_in(annotator)
    page = client.post(reverse("add_token"), {"days": "30"}).content.decode()
    found = re.search(r'id="new-token">(\w+)<', page)
    assert found
    headers = {"Authorization": f"Token {found[1]}"}
    assert Client().get("/api/v1/projects/", headers=headers).status_code == 200
    assert found[1] not in client.get(reverse("account")).content.decode()
    token = AuthToken.objects.get()
    assert abs(token.expiry - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)
    stranger = signed_in(make_user())
    address = reverse("revoke_token", args=[token.token_key])
    assert stranger.post(address).status_code == 404
    client.post(address)
    assert Client().get("/api/v1/projects/", headers=headers).status_code == 401


def test_a_token_ends_with_its_days(annotator: User) -> None:
    _, text = services.tokens.add_token(annotator, days=30)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert "expired" in signed_in(annotator).get(reverse("account")).content.decode()
    headers = {"Authorization": f"Token {text}"}
    assert Client().get("/api/v1/projects/", headers=headers).status_code == 401


@pytest.mark.django_db
def test_too_many_tokens_are_refused_in_a_sentence() -> None:
    user = make_user()
    for _ in range(services.tokens.MAX_TOKENS):
        services.tokens.add_token(user)
    answer = signed_in(user).post(reverse("add_token"), {"days": "0"})
    assert answer.status_code == 422
    assert "Revoke one that you don&#x27;t use first." in answer.content.decode()


@pytest.mark.django_db
def test_signing_out_everywhere_ends_ones_own_sessions_and_nobody_elses() -> None:
    me, other = make_user(), make_user()
    here, there, theirs = signed_in(me), signed_in(me), signed_in(other)
    here.post(reverse("sign_out_everywhere"))
    assert [is_in(each) for each in (here, there, theirs)] == [False, False, True]


@pytest.mark.django_db
def test_a_changed_password_keeps_this_session_and_ends_the_others() -> None:
    me = make_user()
    here, there = signed_in(me), signed_in(me)
    new = "quite another horse battery"
    sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    here.post(reverse("account_change_password"), sent)
    assert [is_in(here), is_in(there)] == [True, False]


def test_a_password_renewed_by_a_manager_ends_the_sessions(
    project: Project, annotator: User, manager: User
) -> None:
    client = signed_in(annotator)
    address = reverse("member", args=[project.slug, annotator.pk])
    signed_in(manager).post(address, {"action": "password"})
    assert not is_in(client)
