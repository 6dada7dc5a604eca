"""Chat with the real demo model, twice over: served by Prefloop on demand, and by a stranger's
`transformers serve` at an address; then with servers that are slow, that fail and that are gone."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import fake_models
from tests.installation import Installation
from tests.journeys.person import Person

pytestmark = pytest.mark.slow

FETCHED_SECONDS = 600
ANSWERED = 180_000  # ms: a model is loaded, and writes on a machine that does other things too
SLOW_SECONDS = 15.0


@contextmanager
def transformers_serve(folder: Path) -> Iterator[str]:
    """The command itself, as anybody would start it; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = Path(sys.executable).with_name("transformers")
    process = subprocess.Popen(
        [command, "serve", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    )
    try:
        until = time.monotonic() + 120
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def add(
    person: Person, label: str, *, served: str = "", address: str = "", model: str = ""
) -> None:
    page = person.page
    page.goto("/projects/demo/endpoints/")
    page.get_by_label("Name", exact=True).fill(label)
    if served:
        page.get_by_label("Model", exact=True).select_option(label=served)
    else:
        page.get_by_label("Address").fill(address)
        page.get_by_label("Name of the model there").fill(model)
    page.get_by_label("Longest answer in tokens").fill("48")
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("rowheader", name=label)).to_be_visible()


def switch(person: Person, label: str, candidates: int) -> None:
    page = person.page
    page.goto("/projects/demo/endpoints/")
    page.get_by_role("link", name=f"Change {label}").click()
    page.get_by_label("Answers to each message").select_option(str(candidates))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("rowheader", name=label)).to_be_visible()


def say(person: Person, text: str) -> None:
    composer = person.page.get_by_label("Your message")
    expect(composer).to_be_focused()
    person.page.keyboard.type(text)
    person.page.keyboard.press("Enter")


def reach(person: Person, state: str, timeout: float = ANSWERED) -> None:
    expect(person.page.locator(f'.thread[data-state="{state}"]')).to_be_visible(timeout=timeout)


def choose(person: Person) -> None:
    reach(person, "choosing")
    answers = person.page.locator(".responses .response__text")
    expect(answers).to_have_count(2)
    for text in answers.all_inner_texts():
        assert text.strip()
    person.page.keyboard.press("2")
    person.page.keyboard.press("Enter")
    reach(person, "settled")


def fail(person: Person, words: str, typed: str) -> None:
    """One clear sentence, and what was typed is still there."""
    reach(person, "failed")
    expect(person.page.locator(".thread__failed")).to_contain_text(words)
    expect(person.page.locator(".message--user .message__text").last).to_have_text(typed)


def test_a_conversation_with_the_real_model(installation: Installation, browser: Browser) -> None:
    researcher = Person(browser, installation, "researcher")
    add(researcher, "Ours", served="SmolLM2 135M Instruct (demo)")
    switch(researcher, "Ours", 2)
    researcher.look("endpoints")

    annotator = Person(browser, installation, "annotator_1")
    page = annotator.page
    page.goto("/projects/demo/chat/")
    page.get_by_role("button", name="Start a conversation").click()
    say(annotator, "What is the capital of France?")
    # It is not on this machine yet, and nobody has to leave the chat to have it fetched.
    fail(annotator, "being fetched", "What is the capital of France?")
    annotator.look("fetching")
    until = time.monotonic() + FETCHED_SECONDS
    while page.locator('.thread[data-state="choosing"]').count() == 0:
        assert time.monotonic() < until
        if page.get_by_role("button", name="Try again").is_visible():
            page.get_by_role("button", name="Try again").click()
        page.wait_for_timeout(2_000)
    annotator.look("choosing")
    choose(annotator)

    with transformers_serve(installation.data / "models" / "demo") as address:
        folder = str(installation.data / "models" / "demo")
        add(researcher, "A stranger’s", address=address, model=folder)
        switch(researcher, "Ours", 1)
        say(annotator, "And of Italy?")
        choose(annotator)
        annotator.look("settled")
    say(annotator, "The server is gone now.")
    fail(annotator, "the model could not be reached", "The server is gone now.")
    annotator.look("gone")
    switch(researcher, "A stranger’s", 0)

    with fake_models.running(fake_models.saying("Slowly.", after=SLOW_SECONDS)) as slow:
        add(researcher, "Slow", address=slow.address, model="slow")
        page.get_by_role("button", name="Try again").click()
        reach(annotator, "waiting")
        page.wait_for_timeout(SLOW_SECONDS * 500)
        reach(annotator, "waiting")  # the fast one waits for the slow one
        annotator.look("waiting")
        choose(annotator)
        slow.server.answer = fake_models.sending(b"", 500)
        say(annotator, "Do you fail?")
        fail(annotator, "the model answered with an error", "Do you fail?")
        slow.server.answer = fake_models.saying("No more.")
        page.get_by_role("button", name="Try again").click()
        choose(annotator)
    assert researcher.troubles == []
    assert annotator.troubles == []
