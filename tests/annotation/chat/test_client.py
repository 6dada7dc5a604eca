"""One request: what comes back, and how it ends when nothing good does."""

import time

import pytest

from annotation.chat import client
from annotation.chat.client import (
    EMPTY,
    MAX_REPLY_BYTES,
    REFUSED,
    TIMED_OUT,
    UNREACHABLE,
    UNREADABLE,
    AddressInvalid,
    Reply,
    RequestFailed,
    Target,
    ask,
    check_address,
)
from tests import fake_models
from tests.fake_models import completion, running, saying, sending

MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]


def request(address: str, seconds: float = 5.0, api_key: str = "") -> Reply:
    target = Target(address, "some/model", api_key)
    return ask(target, MESSAGES, max_tokens=32, temperature=0.5, seconds=seconds)


def test_a_reply_is_the_first_choices_text() -> None:
    with running(saying("Because of Rayleigh.")) as model:
        assert request(model.address + "/", api_key="sk-secret") == Reply(
            "Because of Rayleigh.", is_truncated=False
        )
    path, headers, body = model.seen[0]
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer sk-secret"
    assert headers["Host"] == model.address.removeprefix("http://").removesuffix("/v1")
    assert body == {
        "model": "some/model",
        "messages": MESSAGES,
        "max_tokens": 32,
        "temperature": 0.5,
        "n": 1,
        "stream": False,
    }


def test_a_cut_off_reply_says_so_and_keeps_its_token_ids() -> None:
    with running(saying("Because", finish_reason="length", token_ids=[5, 7])) as model:
        assert request(model.address) == Reply("Because", is_truncated=True, token_ids=(5, 7))
    with running(saying("Because", token_ids=["5"])) as model:
        assert request(model.address).token_ids is None


def test_no_key_is_sent_where_there_is_none() -> None:
    with running(saying("Hello.")) as model:
        request(model.address)
    assert "Authorization" not in model.seen[0][1]


def test_what_no_database_stores_is_shown_as_a_sign() -> None:
    with running(sending(completion("a\0b\ud800"))) as model:
        assert request(model.address).text == "a\ufffdb\ufffd"


BAD = {
    "error 500": (sending(b"secret trace", 500), REFUSED),
    "not found": (sending(b"", 404), REFUSED),
    "a redirect": (sending(b"", 307, Location="http://127.0.0.1:1/"), REFUSED),
    "no JSON": (sending(b"<html>"), UNREADABLE),
    "other JSON": (sending(b'{"choices": []}'), UNREADABLE),
    "a list": (sending(b"[]"), UNREADABLE),
    "deep JSON": (sending(b"[" * 200_000), UNREADABLE),
    "no text": (
        sending(completion(1)),
        UNREADABLE,
    ),
    "nothing said": (sending(completion(" \n")), EMPTY),
    "too much": (sending(b" " * (MAX_REPLY_BYTES + 1)), UNREADABLE),
    "without end": (fake_models.endless, UNREADABLE),
    "half of it": (fake_models.breaking_off, UNREADABLE),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_told_in_a_few_words(name: str) -> None:
    answer, reason = BAD[name]
    with running(answer) as model, pytest.raises(RequestFailed) as failed:
        request(model.address)
    assert failed.value.reason == reason
    assert "secret" not in failed.value.detail


@pytest.mark.parametrize("answer", [fake_models.silent, fake_models.dripping])
def test_a_slow_model_is_left_at_the_deadline(answer: fake_models.Answer) -> None:
    began = time.monotonic()
    with running(answer) as model, pytest.raises(RequestFailed) as failed:
        request(model.address, seconds=0.4)
    assert failed.value.reason == TIMED_OUT
    assert time.monotonic() - began < 3


def test_a_model_that_is_gone_could_not_be_reached() -> None:
    for address in (fake_models.free_address(), "http://no-such-host.invalid/v1"):
        with pytest.raises(RequestFailed) as failed:
            request(address)
        assert failed.value.reason == UNREACHABLE


@pytest.mark.parametrize(
    "address",
    [
        "ftp://host/v1",
        "file:///etc/passwd",
        "host:8000/v1",
        "http://",
        "http:///v1",
        "http://host:port/v1",
        "http://host:0/v1",
        "http://user:word@host/v1",
        "http://host/v1?key=1",
        "http://host/v1#x",
        "http://ho st/v1",
        "http://host\\@other/v1",
        "http://host/v1\r\nX: y",
        "http://hóst/v1",
        "http://host/" + "v" * 500,
    ],
)
def test_an_address_that_means_something_else_is_refused(address: str) -> None:
    with pytest.raises(AddressInvalid):
        check_address(address)
    with pytest.raises(RequestFailed):
        request(address)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "0.0.0.0", "224.0.0.1"]
)
def test_nobody_is_spoken_to_where_clouds_keep_credentials(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(client.socket, "create_connection", connect)
    with pytest.raises(RequestFailed) as failed:
        request(f"http://{host}/v1")
    assert failed.value.reason == UNREACHABLE


def test_what_was_looked_up_is_what_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that changes its address between the check and the connection is asked for once."""
    asked = []

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    with running(saying("Hello.")) as model:
        monkeypatch.setattr(client.socket, "getaddrinfo", look_up)
        port = model.server.server_port
        assert client.allowed_place("model.example", port) == ("127.0.0.1", port)
    assert asked == ["model.example"]
