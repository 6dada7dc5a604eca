"""The second factor: set up, asked for, taken off, and required where an installation says so."""

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from annotation import services
from annotation.models import Project
from tests.builders import PASSWORD, make_user

SIGN_IN = reverse("account_login")
SET_UP = reverse("mfa_activate_totp")


def code_of(secret: str) -> str:
    """What an authenticator app shows now; not in the last seconds of a code."""
    if 30 - time.time() % 30 < 4:
        time.sleep(4.5)
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def signed_in(user: User) -> Client:
    """By the password, as a person does it."""
    client = Client()
    client.post(SIGN_IN, {"login": user.username, "password": PASSWORD})
    return client


def set_up(client: Client) -> tuple[str, list[str]]:
    """Turn it on over the pages; the secret and the recovery codes."""
    asked = client.get(SET_UP, follow=True)
    if "Is it you?" in asked.content.decode():
        address = asked.redirect_chain[-1][0]
        asked = client.post(address, {"password": PASSWORD, "next": SET_UP}, follow=True)
    page = asked.content.decode()
    found = re.search(r'id="totp-secret">([A-Z2-7 ]+)<', page)
    assert found, page
    secret = found[1].replace(" ", "")
    assert f"secret={secret}" in page  # the link and the code of it
    assert "data:" not in page
    done = client.post(SET_UP, {"code": code_of(secret)}, follow=True)
    codes = re.findall(r"<li><code>(\d+)</code>", done.content.decode())
    assert len(codes) == 10
    return secret, codes


def pass_word(user: User) -> tuple[Client, Any]:
    client = Client()
    sent = {"login": user.username, "password": PASSWORD}
    return client, client.post(SIGN_IN, sent, follow=True)


def is_in(client: Client) -> bool:
    return client.get("/").status_code == 200


@pytest.fixture
def user(db: None) -> User:
    return make_user("somebody")


def test_a_password_alone_no_longer_lets_in(user: User) -> None:
    secret, _ = set_up(signed_in(user))
    client, answer = pass_word(user)
    assert "Your code" in answer.content.decode()
    assert not is_in(client)
    wrong = client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "This is not the code of now." in wrong.content.decode()
    assert not is_in(client)
    code = code_of(secret)
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert is_in(client)
    other, _ = pass_word(user)
    other.post(reverse("mfa_authenticate"), {"code": code})
    assert not is_in(other)  # whoever saw the code over a shoulder is late


def test_a_recovery_code_lets_in_once(user: User) -> None:
    _, codes = set_up(signed_in(user))
    client, _ = pass_word(user)
    client.post(reverse("mfa_authenticate"), {"code": codes[3]})
    assert is_in(client)
    client, _ = pass_word(user)
    client.post(reverse("mfa_authenticate"), {"code": codes[3]})
    assert not is_in(client)


def test_a_wrong_code_turns_nothing_on(user: User) -> None:
    client = signed_in(user)
    page = client.get(SET_UP, follow=True)
    address = page.redirect_chain[-1][0]
    client.post(address, {"password": PASSWORD, "next": SET_UP})
    answer = client.post(SET_UP, {"code": "123"})
    assert "This is not the code of now." in answer.content.decode()
    assert not Authenticator.objects.exists()


def test_codes_can_be_tried_only_so_often(user: User) -> None:
    set_up(signed_in(user))
    client, _ = pass_word(user)
    for number in range(12):
        answer = client.post(reverse("mfa_authenticate"), {"code": f"00000{number}"[-6:]})
    assert "Too many failed login attempts" in answer.content.decode()


def test_it_is_turned_off_after_saying_who_one_is(user: User) -> None:
    client = signed_in(user)
    set_up(client)
    assert "Turn off" in client.get(reverse("account")).content.decode()
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()
    client, _ = pass_word(user)
    assert is_in(client)


def test_a_password_makes_no_token_past_the_second_factor(user: User) -> None:
    credentials = {"username": user.username, "password": PASSWORD}
    address = "/api/v1/token/"
    assert Client().post(address, credentials, "application/json").status_code == 201
    set_up(signed_in(user))
    cache.clear()
    answer = Client().post(address, credentials, "application/json")
    assert answer.status_code == 401
    assert "A password is not enough" in answer.json()["detail"]


def test_an_operator_can_take_it_off(user: User) -> None:
    set_up(signed_in(user))
    call_command("reset_second_factor", user.username)
    client, _ = pass_word(user)
    assert is_in(client)
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("reset_second_factor", user.username)
    with pytest.raises(CommandError, match="Nobody is called nobody"):
        call_command("reset_second_factor", "nobody")


# --- required -----------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["none", "staff", "researchers"])
def test_who_has_to_have_one(
    policy: str,
    settings: Settings,
    project: Project,
    annotator: User,
    researcher: User,
    admin: User,
) -> None:
    User.objects.filter(pk=researcher.pk).update(is_staff=False)  # an operator took that away
    settings.REQUIRE_MFA_FOR = policy
    stopped = [
        user.username
        for user in (annotator, researcher, admin)
        if signed_in(user).get(reverse("project", args=[project.slug])).status_code == 302
    ]
    assert (
        stopped
        == {
            "none": [],
            "staff": ["admin"],
            "researchers": ["researcher", "admin"],
        }[policy]
    )


def test_nothing_else_is_open_until_it_is_set_up(
    settings: Settings, project: Project, admin: User
) -> None:
    client = signed_in(admin)
    settings.REQUIRE_MFA_FOR = "staff"
    for address in ("/", "/admin/", reverse("account"), reverse("account_change_password")):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"]) == (302, SET_UP), address
    assert client.post(reverse("next_item", args=[project.slug])).status_code == 403
    for address in ("/api/v1/projects/", "/api/v1/token/"):
        assert client.get(address).status_code == 403
    credentials = {"username": "admin", "password": PASSWORD}
    made = Client().post("/api/v1/token/", credentials, "application/json")
    assert made.status_code == 401
    set_up(client)
    assert is_in(client)
    page = client.get(reverse("mfa_deactivate_totp")).content.decode()
    assert "it stays on" in page
    client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).exists()


def test_a_new_researcher_sets_it_up_after_joining(
    settings: Settings, project: Project, manager: User
) -> None:
    settings.REQUIRE_MFA_FOR = "researchers"
    _, secret = services.create_invitation(project, by=manager, role="researcher")
    client = Client()
    new = {"username": "newcomer", "password": PASSWORD, "again": PASSWORD}
    client.post(reverse("join", args=[secret]), new)
    assert client.get(reverse("project", args=[project.slug]))["Location"] == SET_UP
    set_up(client)
    assert client.get(reverse("project", args=[project.slug])).status_code == 200
