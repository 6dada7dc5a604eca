"""Chat, as an annotator uses it: by keyboard, by pointer, with models that are slow or gone."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import Page, expect

from annotation import services
from annotation.chat import jobs
from annotation.models import Annotation, Conversation, Project, Turn
from tests import fake_models
from tests.annotation.chat.conftest import Models
from tests.browser.checks import assert_no_axe_violations, assert_no_sideways_scroll
from tests.browser.conftest import OpenPage
from tests.fake_models import saying

START = "/projects/demo/chat/"
LONG = (
    "Light is scattered by the molecules of the air, short waves far more than long ones.\n\n"
    "- blue is scattered most\n- red passes nearly straight\n\nSo the sky is **blue** by day."
)


@pytest.fixture
def models(project: Project) -> Iterator[Models]:
    with ExitStack() as stack:
        yield Models(project, stack)


@pytest.fixture
def worker(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A chat worker in a thread of this process; set the event to send it away."""
    gone = threading.Event()

    def work() -> None:
        while not gone.wait(0.1):
            for pk in list(Turn.objects.filter(status="waiting").values_list("pk", flat=True)):
                jobs.carry_out(pk)
        connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield gone
    gone.set()
    thread.join()


@pytest.fixture
def two(models: Models) -> Models:
    models.add(saying(LONG, "By day only.", "Third A."))
    models.add(saying("Because of Rayleigh scattering.", "At night it is black.", "Third B."))
    return models


def in_state(page: Page, state: str) -> None:
    expect(page.locator(f'.thread[data-state="{state}"]')).to_be_visible()


def test_a_conversation_by_keyboard_alone(
    open_page: OpenPage, annotator: User, two: Models, worker: threading.Event
) -> None:
    page = open_page(annotator, START)
    keyboard = page.keyboard
    expect(page.get_by_role("button", name="Start a conversation")).to_be_focused()
    keyboard.press("Enter")
    in_state(page, "empty")
    expect(page.get_by_label("Your message")).to_be_focused()
    keyboard.type("Why is the sky blue?")
    keyboard.press("Shift+Enter")
    keyboard.type("1, 2, n, u?")  # keys that act elsewhere are text here
    keyboard.press("Enter")
    in_state(page, "choosing")
    keyboard.press("2")
    keyboard.press("r")
    keyboard.type("It says why.")
    keyboard.press("Enter")
    in_state(page, "settled")
    expect(page.get_by_label("Your message")).to_be_focused()

    keyboard.press("Escape")
    keyboard.press("u")  # once more
    in_state(page, "choosing")
    expect(page.get_by_role("radio", name="A is better", exact=True)).to_be_checked()
    keyboard.press("6")
    keyboard.press("v")
    expect(page.get_by_label("As it should have been")).to_be_focused()
    keyboard.press("Control+A")
    keyboard.type("Because air scatters")
    keyboard.press("Enter")
    keyboard.type("blue light most.")
    keyboard.press("Control+Enter")
    in_state(page, "settled")
    expect(page.get_by_text("edited by you")).to_be_visible()

    keyboard.type("And at night?")
    keyboard.press("Control+Enter")
    in_state(page, "choosing")
    keyboard.press("s")
    keyboard.press("1")
    in_state(page, "settled")
    keyboard.press("Escape")
    keyboard.press("n")
    in_state(page, "empty")
    assert Conversation.objects.count() == 2

    first, second = Turn.objects.order_by("number")
    assert first.text == "Why is the sky blue?\n1, 2, n, u?"
    assert first.reply is not None
    assert first.reply.text == "Because air scatters\nblue light most."
    said = Annotation.objects.filter(assignment__item=first.item).order_by("revision")
    assert [each.rationale for each in said] == ["It says why.", "It says why."]
    assert said[0].answer["strength"] == -said[1].answer["strength"]
    assert second.prompt.messages[1]["content"] == "Because air scatters\nblue light most."


@pytest.mark.parametrize("width", [1440, 375])
def test_a_conversation_by_pointer(
    open_page: OpenPage, annotator: User, two: Models, worker: threading.Event, width: int
) -> None:
    page = open_page(annotator, START, width=width, scheme="dark" if width == 375 else "light")
    assert_no_axe_violations(page)
    page.get_by_role("button", name="Start a conversation").click()
    in_state(page, "empty")
    looked_at(page)
    page.get_by_label("Your message").fill("Why is the sky blue?")
    page.get_by_role("button", name="Send").click()
    in_state(page, "choosing")
    message, switch = page.locator(".message--user").last, page.locator("[data-action=diff]")
    above, below = message.bounding_box(), switch.bounding_box()
    assert above is not None
    assert below is not None
    assert above["y"] + above["height"] <= below["y"]
    page.locator(".stop").nth(1).click()
    looked_at(page)
    page.get_by_role("button", name="Edit it").click()
    looked_at(page)
    page.get_by_role("button", name="Don’t edit").click()
    page.get_by_role("button", name="Submit").click()
    in_state(page, "settled")
    looked_at(page)
    page.get_by_role("button", name="Change your choice").click()
    in_state(page, "choosing")
    page.locator(".stop--bad").click()
    page.get_by_label("Go on with").select_option("B")
    page.get_by_role("button", name="Submit").click()
    in_state(page, "settled")
    page.locator(".chat-list summary").click()
    expect(page.get_by_role("link", name="Why is the sky blue?")).to_be_visible()
    looked_at(page)
    assert Annotation.objects.latest("pk").answer == {"strength": 0, "both_bad": True}


def looked_at(page: Page) -> None:
    assert_no_axe_violations(page)
    assert_no_sideways_scroll(page)


def test_three_answers_are_ranked(
    open_page: OpenPage, annotator: User, two: Models, worker: threading.Event
) -> None:
    two.add(saying("It is not."))
    page = open_page(annotator, START)
    page.get_by_role("button", name="Start a conversation").click()
    page.get_by_label("Your message").fill("Why is the sky blue?")
    page.keyboard.press("Enter")
    in_state(page, "choosing")
    looked_at(page)
    item = Turn.objects.get().item
    assert item is not None
    assert item.task_type == "ranking"


def test_models_that_fail_cost_a_sentence_and_nothing_typed(
    open_page: OpenPage, annotator: User, models: Models, worker: threading.Event
) -> None:
    models.add(saying("Here I am.", "Still here.", "Yes."))
    flaky = models.add(fake_models.sending(b"", 500))
    page = open_page(annotator, START, width=375)
    page.get_by_role("button", name="Start a conversation").click()
    page.get_by_label("Your message").fill("Are you there?")
    page.get_by_role("button", name="Send").click()
    in_state(page, "failed")
    expect(page.locator(".thread__failed")).to_contain_text(
        "One of the answers did not come: the model answered with an error. "
        "Try again, or write something else."
    )
    looked_at(page)
    page.get_by_role("button", name="Change the message").click()
    expect(page.get_by_label("Your message")).to_have_value("Are you there?")
    page.get_by_label("Your message").fill("Are you both there?")
    expect(page.locator(".composer__draft")).to_have_text("Draft saved")
    page.reload()
    expect(page.get_by_label("Your message")).to_have_value("Are you both there?")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".message--user .message__text")).to_have_text("Are you both there?")
    in_state(page, "failed")
    flaky.server.answer = saying("Me too.")
    page.get_by_role("button", name="Try again").click()
    in_state(page, "choosing")
    expect(page.locator(".responses")).to_contain_text("Me too.")


def test_a_page_without_a_worker_says_so_and_does_not_hang(
    open_page: OpenPage, annotator: User, two: Models, worker: threading.Event
) -> None:
    worker.set()
    page = open_page(annotator, START)
    page.get_by_role("button", name="Start a conversation").click()
    page.get_by_label("Your message").fill("Anybody?")
    page.keyboard.press("Enter")
    in_state(page, "waiting")
    looked_at(page)
    page.reload()
    in_state(page, "waiting")
    expect(page.get_by_label("Your message")).to_be_hidden()
    Turn.objects.update(heartbeat="2020-01-01T00:00:00Z")
    in_state(page, "failed")
    expect(page.locator(".thread__failed")).to_contain_text("no worker has been heard of")
    expect(page.get_by_label("Your message")).to_be_visible()


def test_a_server_that_is_away_loses_no_message(
    open_page: OpenPage, annotator: User, two: Models, worker: threading.Event
) -> None:
    page = open_page(annotator, START)
    page.route("**/send/", lambda route: route.abort())
    page.get_by_role("button", name="Start a conversation").click()
    page.get_by_label("Your message").fill("Do not lose this.")
    page.keyboard.press("Enter")
    expect(page.locator("#banner")).to_contain_text("What you wrote is kept")
    expect(page.get_by_label("Your message")).to_have_value("Do not lose this.")
    looked_at(page)
    page.unroute("**/send/")
    page.get_by_role("button", name="Try now").click()
    in_state(page, "choosing")
    expect(page.locator("#banner")).to_be_hidden()
    assert [turn.text for turn in Turn.objects.all()] == ["Do not lose this."]


def test_a_manager_chooses_the_models(open_page: OpenPage, manager: User, project: Project) -> None:
    page = open_page(manager, "/projects/demo/endpoints/", width=375)
    expect(page.get_by_text("chat is off")).to_be_visible()
    looked_at(page)
    page.get_by_label("Name", exact=True).fill("Big")
    page.get_by_label("Address").fill("http://127.0.0.1:8001/v1")
    page.get_by_label("Name of the model there").fill("org/big")
    page.get_by_label("API key").fill("sk-canary")
    page.get_by_label("Answers to each message").select_option("2")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("chat is on")).to_be_visible()
    looked_at(page)
    page.get_by_role("link", name="Change Big").click()
    looked_at(page)
    assert services.plan(project)[0].api_key == "sk-canary"
