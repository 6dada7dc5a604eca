"""A newcomer's way around the loop with the real demo model, in Chromium, with no shell.

`make run`'s own script serves; everything else happens in the browser. Needs minutes and, where the
demo model is not at hand yet, a package index.
"""

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.installation import Installation
from tests.journeys.person import Person

pytestmark = pytest.mark.slow

PAIRS = 12
RUN_SECONDS = 600


def judge(person: Person, count: int) -> None:
    """Answer so many items by keyboard alone, as different people would."""
    page = person.page
    shown = page.locator("[data-assignment]")
    for number in range(count):
        expect(shown).to_have_count(1)
        key = shown.get_attribute("data-assignment")
        page.keyboard.press("0" if number % 5 == 4 else "1267"[number % 4])
        if number % 4 == 0:
            page.keyboard.press("r")
            page.keyboard.type("It answers the question.")
            page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        expect(page.locator(f"[data-assignment='{key}']")).to_have_count(0)


def launch(person: Person, kind: str, settings: dict[str, str]) -> str:
    """Start a run from its form; returns the path of its page."""
    page = person.page
    page.get_by_role("navigation").get_by_role("link", name="Training").click()
    page.get_by_role("link", name=kind).first.click()
    for label, text in settings.items():
        page.get_by_label(label, exact=True).fill(text)
    person.look(f"new_{kind}")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    return page.url


def wait_for_the_end(person: Person, url: str) -> None:
    page = person.page
    page.goto(url)
    ended = page.locator("#run-live .badge").filter(has_text=re.compile("Finished|Failed"))
    expect(ended).to_be_visible(timeout=RUN_SECONDS * 1000)
    expect(ended).to_have_text(re.compile("Finished"))
    page.reload()
    person.look("run_finished")


def test_judge_train_sample_judge_again_export(
    installation: Installation, browser: Browser, tmp_path: Path
) -> None:
    annotator = Person(browser, installation, "annotator_1")
    annotator.page.get_by_role("link", name=re.compile("^Judge")).first.click()
    expect(annotator.page.locator("[data-assignment]")).to_have_count(1)
    annotator.look("annotate")
    judge(annotator, PAIRS)

    researcher = Person(browser, installation, "researcher")
    page = researcher.page
    page.get_by_role("link", name="Demo: short answers").first.click()
    researcher.look("project")
    reward = launch(researcher, "Reward model", {})
    dpo = launch(researcher, "DPO", {})
    wait_for_the_end(researcher, reward)
    wait_for_the_end(researcher, dpo)
    following = page.get_by_role("link", name=re.compile(r"^run \d+$")).first
    wait_for_the_end(researcher, following.get_attribute("href") or "")

    # The new model's answers come up by themselves, blind.
    expect(annotator.page.locator("[data-assignment]")).to_have_count(1, timeout=30_000)
    annotator.look("new_pairs")
    judge(annotator, 4)

    page.get_by_role("link", name="Results").first.click()
    page.goto(f"{page.url.partition('?')[0]}?split=all")
    expect(page.locator(".duel__figure").first).to_contain_text("n = ")
    researcher.look("results")

    page.get_by_role("link", name="Data").first.click()
    researcher.look("imports")
    page.get_by_role("link", name="Exports").click()
    page.get_by_role("button", name="Write it").click()
    expect(page.get_by_role("link", name=re.compile("^Download export"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Download export")).click()
    exported = tmp_path / "export.jsonl"
    download.value.save_as(exported)
    researcher.look("exports")
    rows = [json.loads(line) for line in exported.read_text().splitlines()]
    assert rows
    assert all({"prompt", "chosen", "rejected"} <= set(row) for row in rows)

    page.get_by_role("navigation").get_by_role("link", name="Training").click()
    researcher.look("runs")
    page.get_by_role("link", name="Checkpoints").click()
    researcher.look("checkpoints")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Download .*DPO", re.I)).first.click()
    archive = tmp_path / "checkpoint.zip"
    download.value.save_as(archive)
    check_that_it_writes(archive, tmp_path / "checkpoint")
    assert annotator.troubles == []
    assert researcher.troubles == []


def check_that_it_writes(archive: Path, folder: Path) -> None:
    """The folder loads in transformers with no network and generates."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with zipfile.ZipFile(archive) as file:
        file.extractall(folder)
    (inside,) = {path.parent for path in folder.rglob("config.json")}
    tokenizer = AutoTokenizer.from_pretrained(inside, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(inside, local_files_only=True)
    ids = tokenizer("The capital of France is", return_tensors="pt")
    written = model.generate(**ids, max_new_tokens=8, do_sample=False)
    assert tokenizer.decode(written[0, ids.input_ids.shape[1] :]).strip()
