"""Single sign-on against a server of our own: who comes in, as whom, and who stays out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from annotation import services
from annotation.models import Invitation, Project
from annotation.permissions import role_of
from tests.builders import PASSWORD, make_user
from tests.fake_openid import FakeOpenId

LOGIN = "/accounts/oidc/sso/login/"


@pytest.fixture
def server(settings: Settings) -> Iterator[FakeOpenId]:
    fake = FakeOpenId()
    settings.OIDC_IS_ON, settings.OIDC_NAME = True, "Example ID"
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [fake.app()]}}
    yield fake
    fake.close()


def come(server: FakeOpenId, client: Client | None = None, **sent: str) -> tuple[Client, Any]:
    """Press the button, agree over there, and come back."""
    client = client or Client()
    away = client.post(LOGIN, {"process": "login"} | sent)
    assert away.status_code == 302
    return client, client.get(f"{LOGIN}callback/", server.authorize(away["Location"]), follow=True)


def who(client: Client) -> User | None:
    key = client.session.get("_auth_user_id")
    return User.objects.get(pk=key) if key else None


@pytest.mark.django_db
def test_the_button_is_there_only_where_a_server_is(server: FakeOpenId, settings: Settings) -> None:
    assert "Sign in with Example ID" in Client().get(reverse("account_login")).content.decode()
    settings.OIDC_IS_ON, settings.SOCIALACCOUNT_PROVIDERS = False, {}
    assert "oidc" not in Client().get(reverse("account_login")).content.decode()
    assert Client().post(LOGIN).status_code == 404


@pytest.mark.django_db
def test_a_stranger_stays_out(server: FakeOpenId, settings: Settings) -> None:
    client, answer = come(server)
    assert answer.status_code == 403
    assert "Ask a manager for an invitation" in answer.content.decode()
    assert who(client) is None
    assert not User.objects.exists()
    settings.OIDC_AUTO_JOIN = True
    client, _ = come(server)
    assert who(client) == User.objects.get(username="nina")


@pytest.mark.django_db
def test_an_invitation_lets_in_and_later_the_button_alone_does(
    server: FakeOpenId, project: Project, manager: User
) -> None:
    invitation, secret = services.create_invitation(project, by=manager, role="reviewer")
    client, answer = come(server, next=reverse("join", args=[secret]))
    user = User.objects.get(username="nina")
    assert who(client) == user
    assert answer.redirect_chain[-1][0] == reverse("project", args=[project.slug])
    assert role_of(user, project) == "reviewer"
    assert not user.has_usable_password()
    invitation.refresh_from_db()
    assert invitation.people == 1
    again, _ = come(server)
    assert who(again) == user
    server.person |= {"sub": "8", "email": "bob@example.org", "preferred_username": "bob"}
    other, answer = come(server, next=reverse("join", args=[secret]))
    assert who(other) is None
    assert "has been used" in answer.content.decode()
    assert not User.objects.filter(username="bob").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("vouched", [True, False, "false"])
def test_an_invitation_to_ones_verified_address_is_enough(
    server: FakeOpenId, project: Project, manager: User, vouched: bool | str
) -> None:
    services.create_invitation(project, by=manager, email="Nina@example.org")
    server.person["email_verified"] = vouched
    client, _ = come(server)
    assert (who(client) is not None) == (vouched is True)
    assert Invitation.objects.get().people == (1 if vouched is True else 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kept", "vouched", "is_let_in"),
    [(True, True, True), (False, True, False), (True, False, False), (True, "false", False)],
)
def test_an_account_is_found_by_an_address_that_both_sides_verified(
    server: FakeOpenId, kept: bool, vouched: bool | str, is_let_in: bool
) -> None:
    user = make_user("old_hand", email="nina@example.org")
    EmailAddress.objects.create(user=user, email="nina@example.org", verified=kept, primary=True)
    server.person["email_verified"] = vouched
    client, _ = come(server)
    assert (who(client) == user) == is_let_in
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert SocialAccount.objects.filter(user=user).exists() == is_let_in
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_whoever_cannot_sign_in_here_cannot_by_the_server_either(
    server: FakeOpenId, settings: Settings
) -> None:
    settings.OIDC_AUTO_JOIN = True
    client, _ = come(server)
    User.objects.update(is_active=False)
    client, _ = come(server)
    assert who(client) is None


@pytest.mark.django_db
def test_a_name_that_is_taken_is_changed(server: FakeOpenId, settings: Settings) -> None:
    settings.OIDC_AUTO_JOIN = True
    make_user("Nina")
    client, _ = come(server)
    user = who(client)
    assert user is not None
    assert user.username.lower() != "nina"


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["state", "code", "audience"])
def test_a_forged_return_lets_nobody_in(server: FakeOpenId, settings: Settings, wrong: str) -> None:
    settings.OIDC_AUTO_JOIN = True
    client = Client()
    away = client.post(LOGIN, {"process": "login"})
    back = server.authorize(away["Location"])
    if wrong == "audience":
        server.audience = "somebody_else"
    else:
        back[wrong] = "forged"
    answer = client.get(f"{LOGIN}callback/", back)
    assert "did not say who you are" in answer.content.decode()
    assert who(client) is None
    assert not User.objects.exists()


@pytest.mark.django_db
def test_it_is_connected_to_ones_account_after_saying_who_one_is(server: FakeOpenId) -> None:
    user = make_user("old_hand")
    client = Client()
    client.post(reverse("account_login"), {"login": "old_hand", "password": PASSWORD})
    _, asked = come(server, client, process="connect")
    assert "Is it you?" in asked.content.decode()
    assert not SocialAccount.objects.exists()
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD}, follow=True)
    assert SocialAccount.objects.get().user == user
    fresh, _ = come(server)
    assert who(fresh) == user
    page = client.get(reverse("account")).content.decode()
    assert "connected" in page
    account = SocialAccount.objects.get().pk
    client.post(reverse("socialaccount_connections"), {"account": account})
    assert not SocialAccount.objects.exists()


SHOW = """
from config import settings as s
print(s.CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"], list(s.SOCIALACCOUNT_PROVIDERS))
"""


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "[\"'self'\"] []"),
        (
            {
                "OIDC_SERVER_URL": "https://id.example.org/realms/one/",
                "OIDC_CLIENT_ID": "a",
                "OIDC_SECRET": "b",
            },
            "[\"'self'\", 'https://id.example.org'] ['openid_connect']",
        ),
        ({"OIDC_SERVER_URL": "https://id.example.org"}, "needs OIDC_CLIENT_ID and OIDC_SECRET"),
        (
            {"OIDC_SERVER_URL": "http://id.org", "OIDC_CLIENT_ID": "a", "OIDC_SECRET": "b"},
            "must begin with https://",
        ),
        ({"REQUIRE_MFA_FOR": "everybody"}, "must be none, staff or researchers"),
    ],
)
def test_the_environment_turns_it_on(environment: dict[str, str], said: str, tmp_path: Any) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OIDC_", "REQUIRE_"))}
    own = {"PREFLOOP_DATA": str(tmp_path), "SECRET_KEY": "only-for-tests-" + "x" * 50}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=kept | own | environment, capture_output=True, text=True
    )
    assert said in done.stdout + done.stderr
