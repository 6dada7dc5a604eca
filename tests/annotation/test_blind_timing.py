"""How long an item takes to come, and how it is wrapped, tells nothing about who wrote it."""

import time
from random import Random

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation.models import Assignment, Project
from annotation.services.claims import claim_item
from tests.builders import make_item, make_prompt

MODELS = ("canary_first", "canary_second")
TEXTS_EACH = 20
WORDS = [
    "the",
    "a",
    "model",
    "says",
    "that",
    "words",
    "of",
    "one",
    "kind",
    "come",
    "as",
    "often",
    "here",
    "as",
    "there",
]


def make_turns(project: Project, annotator: User, model: str) -> list[Assignment]:
    """Ratings of single responses of one model; all texts are drawn alike, whoever wrote them."""
    draw = Random(model)
    turns = []
    for number in range(TEXTS_EACH):
        text = " ".join(draw.choices(WORDS, k=200))
        prompt = make_prompt(project, f"{model[-6:]} {number:02}?")
        item = make_item(project, [text], prompt=prompt, sources=[model], task_type="likert")
        turn = claim_item(item, annotator)
        assert turn is not None
        turns.append(turn)
    return turns


def fetch(browser: Client, project: Project, turn: Assignment) -> HttpResponse:
    """Ask for the next item while all others are held, so that this one comes."""
    Assignment.objects.filter(pk=turn.pk).update(claimed="2020-01-01T00:00:00Z")
    shown = browser.post(f"/projects/{project.slug}/next/")
    Assignment.objects.filter(pk=turn.pk).update(claimed="2030-01-01T00:00:00Z")
    assert shown.status_code == 200
    assert str(turn.key) in shown.content.decode()
    return shown


@pytest.fixture
def turns(project: Project, annotator: User) -> dict[str, list[Assignment]]:
    return {model: make_turns(project, annotator, model) for model in MODELS}


def test_no_header_and_no_query_depends_on_the_model(
    project: Project, client: Client, annotator: User, turns: dict[str, list[Assignment]]
) -> None:
    client.force_login(annotator)
    fetch(client, project, turns[MODELS[0]][-1])  # the first one also notes the guidelines
    seen = set()
    for model in MODELS:
        for turn in turns[model][:3]:
            with CaptureQueriesContext(connection) as captured:
                shown = fetch(client, project, turn)
            headers = {name: len(text) for name, text in shown.headers.items()}
            assert "ETag" not in headers
            assert "Last-Modified" not in headers
            assert "no-store" in shown.headers["Cache-Control"]
            seen.add((len(captured), str(sorted(headers.items()))))
    assert len(seen) == 1, seen


def auc(first: list[float], second: list[float]) -> float:
    """The chance that one of the second is the greater of two (Mann-Whitney U over n₁·n₂)."""
    below = np.searchsorted(np.sort(first), second, side="left")
    up_to = np.searchsorted(np.sort(first), second, side="right")
    return float((below + up_to).sum() / 2 / (len(first) * len(second)))


def test_the_measure_by_hand() -> None:
    assert auc([1, 2, 3], [4, 5, 6]) == 1.0
    assert auc([1, 3], [2, 2]) == 0.5
    assert auc([1, 2], [2, 3]) == 0.875  # 3 of 4 pairs, and half of one


@pytest.mark.slow
def test_the_model_cannot_be_guessed_from_how_long_it_takes(
    project: Project, client: Client, annotator: User, turns: dict[str, list[Assignment]]
) -> None:
    """2,000 fetches for each model, in random order; 0.03 are three standard errors of no skill."""
    client.force_login(annotator)
    draw = Random(1)
    order = list(MODELS) * 2000
    draw.shuffle(order)
    millis: dict[str, list[float]] = {model: [] for model in MODELS}
    sizes: dict[str, list[float]] = {model: [] for model in MODELS}
    for model in order:
        turn = draw.choice(turns[model])
        Assignment.objects.filter(pk=turn.pk).update(claimed="2020-01-01T00:00:00Z")
        began = time.perf_counter()
        shown = client.post(f"/projects/{project.slug}/next/")
        millis[model].append(1000 * (time.perf_counter() - began))
        sizes[model].append(len(str(shown.headers)))
        Assignment.objects.filter(pk=turn.pk).update(claimed="2030-01-01T00:00:00Z")
        assert str(turn.key) in shown.content.decode()
    assert auc(*millis.values()) == pytest.approx(0.5, abs=0.03)
    assert auc(*sizes.values()) == 0.5
