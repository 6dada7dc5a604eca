"""The pages of chat over HTTP: one's own only, blind, and with every failure in words."""

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import services
from annotation.chat import jobs
from annotation.forms_chat import AskingForm
from annotation.models import Conversation, Endpoint, Project, Source, Turn
from tests import fake_models
from tests.annotation.chat.conftest import Models
from tests.builders import make_member
from tests.fake_models import completion, saying, sending
from training.engine.configs import SampleConfig

CANARY = "canary"


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


def path(conversation: Conversation, act: str = "") -> str:
    return f"/projects/{conversation.project.slug}/chat/{conversation.key}/{act}"


def work() -> None:
    """What a chat worker does."""
    for pk in Turn.objects.filter(status="waiting").values_list("pk", flat=True):
        jobs.carry_out(pk)


def test_a_turn_over_http(models: Models, conversation: Conversation, browser: Client) -> None:
    models.add(saying("One.", "Three."))
    models.add(saying("Two.", "Four."))
    page = browser.get(path(conversation))
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    sent = browser.post(path(conversation, "send/"), {"text": "Hello?\r\nYou?", "send_key": "k1"})
    assert 'data-state="waiting"' in sent.content.decode()
    assert Turn.objects.get().text == "Hello?\nYou?"
    token = re.search(r'data-token="([^"]+)"', sent.content.decode())
    assert token is not None
    asked = browser.get(path(conversation, "thread/"), {"seen": token[1]})
    assert asked.status_code == 204
    work()
    shown = browser.get(path(conversation, "thread/"), {"seen": token[1]}).content.decode()
    assert 'data-state="choosing"' in shown
    assert "One." in shown
    assert "Two." in shown
    choice = {"strength": "3", "submit_key": "s1", "seconds": "4", "rationale": "", "go_on": ""}
    settled = browser.post(path(conversation, "choose/"), choice)
    assert 'data-state="settled"' in settled.content.decode()
    again = browser.get(path(conversation, "thread/"), {"change": "1"}).content.decode()
    assert 'data-state="choosing"' in again
    assert re.search(r'value="3"[^>]* checked', again)
    following = browser.post(path(conversation, "send/"), {"text": "And?", "send_key": "k2"})
    assert following.status_code == 200
    assert "Hello?" in browser.get(path(conversation)).content.decode()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"strength": "", "submit_key": "s"}, "Choose which"),
        ({"strength": "1", "submit_key": ""}, "required"),
        ({"strength": "1", "submit_key": "s", "go_on": "9"}, "less than or equal"),
        ({"strength": "1", "submit_key": "s", "go_on": "2"}, "Choose the response"),
        ({"strength": "1", "submit_key": "s", "edited": "a\ufffdb" * 40_000}, "100,000"),
    ],
)
def test_a_choice_that_lacks_something_is_told(
    models: Models,
    conversation: Conversation,
    browser: Client,
    fields: dict[str, str],
    words: str,
) -> None:
    models.add(saying("One.", "Two."), candidates=2)
    browser.post(path(conversation, "send/"), {"text": "Hello?", "send_key": "k1"})
    assert browser.post(path(conversation, "choose/"), fields).status_code == 404  # nothing yet
    work()
    refused = browser.post(path(conversation, "choose/"), fields)
    assert refused.status_code == 422
    assert words in json.dumps(refused.json(), ensure_ascii=False)
    assert Turn.objects.get().reply is None


def test_a_failure_over_http_keeps_the_message(
    models: Models, conversation: Conversation, browser: Client
) -> None:
    models.add(saying("One."))
    models.add(sending(b"", 500))
    browser.post(path(conversation, "send/"), {"text": "Hello?", "send_key": "k1"})
    work()
    shown = browser.get(path(conversation, "thread/")).content.decode()
    assert "One of the answers did not come: the model answered with an error." in shown
    assert 'data-last-text="Hello?"' in shown
    assert "One." not in re.sub(r"One of the answers", "", shown)
    assert browser.post(path(conversation, "retry/")).status_code == 200
    assert browser.post(path(conversation, "retry/")).status_code == 409


def test_what_stands_in_the_composer_comes_back(
    models: Models, conversation: Conversation, browser: Client
) -> None:
    models.add(saying("One.", "Two."), candidates=2)
    draft = {"draft": json.dumps({"text": ["Half a <thought>"]}), "version": "1"}
    assert browser.post(path(conversation, "draft/"), draft).status_code == 204
    page = browser.get(path(conversation)).content.decode()
    assert "Half a &lt;thought&gt;" in page
    for bad in ({"draft": "[]", "version": "1"}, {"draft": '{"text": [1]}', "version": "1"}):
        assert browser.post(path(conversation, "draft/"), bad).status_code == 422


def test_another_persons_conversation_is_not_there(
    project: Project, conversation: Conversation, client: Client, manager: User
) -> None:
    for someone in (make_member(project), manager):
        client.force_login(someone)
        assert client.get(path(conversation)).status_code == 404
        for act in ("send/", "retry/", "choose/", "draft/"):
            assert client.post(path(conversation, act), {"text": "x"}).status_code == 404
        assert client.get(path(conversation, "thread/")).status_code == 404


def test_a_script_that_is_signed_out_hears_so(conversation: Conversation, client: Client) -> None:
    assert client.get(path(conversation, "thread/")).status_code == 401
    assert client.post(path(conversation, "send/")).status_code == 401


def test_the_first_page_leads_to_the_last_conversation(
    project: Project, models: Models, browser: Client, annotator: User
) -> None:
    first = browser.get("/projects/demo/chat/")
    assert "switched off" in first.content.decode()
    refused = browser.post("/projects/demo/chat/")
    assert (refused.status_code, "switched off" in refused.content.decode()) == (409, True)
    assert not Conversation.objects.exists()
    models.add(saying("One.", "Two."), candidates=2)
    assert "Start a conversation" in browser.get("/projects/demo/chat/").content.decode()
    started = browser.post("/projects/demo/chat/")
    conversation = Conversation.objects.get()
    assert started["Location"] == path(conversation)
    services.send_message(conversation, "Hello?", "k")
    browser.post("/projects/demo/chat/")
    assert Conversation.objects.count() == 2
    page = browser.get("/projects/demo/chat/", follow=True).content.decode()
    assert "Hello?" in page
    assert "Nothing said yet" in page


def text_of(response: Any) -> str:
    return f"{response.headers} {response.cookies.output()} {response.content.decode()}".lower()


def test_nothing_that_a_browser_is_sent_says_who_answers(
    project: Project, models: Models, conversation: Conversation, browser: Client
) -> None:
    """Labels, addresses, names, keys and ids of endpoints are canaries; two turns, one failure."""
    first_id = 7_731_000_000
    answers = [
        saying("One.", "Three."),
        saying("Two.", "Four."),
        fake_models.sending(completion("x"), 500),
    ]
    for number, answer in enumerate(answers):
        source = Source.objects.create(
            pk=first_id + 10 + number, project=project, slug=f"canary_{number}", label="Canary"
        )
        model = models.stack.enter_context(fake_models.running(answer))
        Endpoint.objects.create(
            pk=first_id + number,
            project=project,
            source=source,
            label=f"Canary label {number}",
            address=model.address.replace("/v1", "/canary"),
            model="canary/model",
            api_key="sk-canary",
        )
    seen = [browser.get("/projects/demo/chat/", follow=True), browser.get(path(conversation))]
    seen.append(browser.post(path(conversation, "send/"), {"text": "Hello?", "send_key": "k1"}))
    seen.append(browser.get(path(conversation, "thread/")))
    work()
    seen.append(browser.get(path(conversation, "thread/")))
    assert "did not come" in text_of(seen[-1])
    Endpoint.objects.filter(pk=first_id + 2).update(candidates=0)
    seen.append(browser.post(path(conversation, "retry/")))
    work()
    seen += [browser.get(path(conversation, "thread/")), browser.get(path(conversation))]
    assert "one." in text_of(seen[-1])
    seen.append(browser.post(path(conversation, "choose/"), {}))
    choice = {"strength": "3", "submit_key": "s1", "edited": "Edited."}
    seen.append(browser.post(path(conversation, "choose/"), choice))
    seen.append(browser.get(path(conversation, "thread/"), {"change": "1"}))
    seen.append(browser.post(path(conversation, "send/"), {"text": "More?", "send_key": "k2"}))
    work()
    seen.append(browser.get(path(conversation)))
    seen += [browser.get(f"/projects/demo/endpoints/{end}") for end in ("", f"{first_id}/")]
    for response in seen:
        text = text_of(response)
        assert CANARY not in text, text
        assert str(first_id)[:7] not in text, text


def test_the_faster_model_stands_first_as_often_as_not(
    project: Project, models: Models, annotator: User
) -> None:
    models.add(saying("Fast."))
    models.add(saying("Slow.", after=0.01))
    first = 0
    for number in range(60):
        conversation = Conversation.objects.create(project=project, annotator=annotator)
        turn = services.send_message(conversation, f"Question {number}?", "k")
        jobs.carry_out(turn.pk)
        turn.refresh_from_db()
        assert turn.item is not None
        assignment = turn.item.assignments.get()
        first += assignment.display_order[0] == 0
        services.skip(assignment, "seen")
    assert 15 <= first <= 45  # four standard errors of a fair coin


# --- managers -------------------------------------------------------------------------------------


def endpoint_fields(**fields: str) -> dict[str, str]:
    return {
        "label": "Big model",
        "served": "-",
        "address": "http://127.0.0.1:8001/v1",
        "model": "org/big",
        "api_key": "sk-canary",
        "candidates": "2",
        "temperature": "0.7",
        "max_tokens": "300",
    } | fields


def test_a_model_is_asked_as_in_sampling_runs_unless_told_otherwise() -> None:
    usual = SampleConfig().temperature
    assert AskingForm().fields["temperature"].initial == Endpoint().temperature == usual


def test_a_key_is_never_shown_again(
    project: Project, client: Client, manager: User, admin: User
) -> None:
    client.force_login(manager)
    assert client.post("/projects/demo/endpoints/", endpoint_fields()).status_code == 302
    endpoint = Endpoint.objects.get()
    assert (endpoint.api_key, endpoint.candidates, endpoint.source.slug) == (
        "sk-canary",
        2,
        "big_model",
    )
    one = f"/projects/demo/endpoints/{endpoint.pk}/"
    for user in (manager, admin):
        client.force_login(user)
        for page in (
            "/projects/demo/endpoints/",
            one,
            "/admin/annotation/endpoint/",
            f"/admin/annotation/endpoint/{endpoint.pk}/change/",
        ):
            assert "sk-canary" not in client.get(page, follow=True).content.decode(), page
    changed = {"candidates": "3", "temperature": "1", "max_tokens": "9", "api_key": ""}
    client.post(one, changed)
    endpoint.refresh_from_db()
    assert (endpoint.api_key, endpoint.candidates) == ("sk-canary", 3)
    client.post(one, changed | {"api_key": "sk-other"})
    endpoint.refresh_from_db()
    assert endpoint.api_key == "sk-other"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"address": ""}, "Say where the model is"),
        ({"model": ""}, "Say what the model is called"),
        ({"address": "file:///etc/passwd"}, "begins with http"),
        ({"address": "http://me:word@host/v1"}, "Leave name and password out"),
        ({"served": "no_such_model"}, "Select a valid choice"),
        ({"candidates": "10"}, "Select a valid choice"),
        ({"temperature": "3"}, "less than or equal to 2"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_refused(
    project: Project, client: Client, manager: User, fields: dict[str, str], words: str
) -> None:
    client.force_login(manager)
    refused = client.post("/projects/demo/endpoints/", endpoint_fields(**fields))
    assert refused.status_code == 422
    assert words in refused.content.decode()
    assert "sk-canary" not in refused.content.decode()
    assert not Endpoint.objects.exists()


def test_only_managers_say_where_requests_go(
    project: Project, client: Client, researcher: User
) -> None:
    client.force_login(researcher)
    assert client.post("/projects/demo/endpoints/", endpoint_fields()).status_code == 403


def test_a_manager_sees_why_a_model_failed(
    models: Models, conversation: Conversation, client: Client, manager: User
) -> None:
    models.add(saying("One."))
    models.add(sending(b"", 503))
    services.send_message(conversation, "Hello?", "k")
    work()
    client.force_login(manager)
    assert "HTTP 503" in client.get("/projects/demo/endpoints/").content.decode()
