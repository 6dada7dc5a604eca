"""An annotator reads every address there is and learns nothing about where a response came from.

Every name that could give a source away is a canary, and every response has an id that stands in
no text by accident. Pages, fragments, the API, error pages and headers are searched for them.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from annotation import services
from annotation.models import Assignment, Item, ItemResponse, Project, Prompt, Response, Retest
from annotation.services.claims import shuffled
from annotation.task_types import TASK_TYPES
from tests.builders import make_item, make_member, make_prompt
from training.models import Checkpoint, Run

CANARY = "canary"
FIRST_ID = 7_731_000_000  # of responses; also their ids are a channel


@pytest.fixture
def blind_item(project: Project) -> Item:
    """An item of round 3 whose responses come from two checkpoints, and the run that made it."""
    parent = Checkpoint.objects.create(slug="canary_parent", label="Canary parent", project=project)
    run = Run.objects.create(project=project, algorithm="dpo", checkpoint=parent)
    Checkpoint.objects.create(slug="canary_child", label="Canary child", project=project, run=run)
    prompt = make_prompt(project, external_id="canary_external", category="canary_category")
    item = make_item(
        project,
        ["Warm words.", "Cold words."],
        prompt=prompt,
        sources=["canary_parent", "canary_child"],
        key="sample:canary_key",
        arm="canary_arm",
        round=3,
        origin="sample",
    )
    for number, link in enumerate(ItemResponse.objects.filter(item=item)):
        response = Response.objects.get(pk=link.response_id)
        response.pk = FIRST_ID + number
        response.text_hash = f"canary_hash_{number}"
        response.save(force_insert=True)
        link.response = response
        link.save()
        services.record_score(response, "canary_scorer", 0.5)
    return item


def routes(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, path)
        else:
            yield path, pattern


def addresses(project: Project, assignment: UUID, run: int) -> Iterator[str]:
    """Every route of the site with what an annotator could put into it."""
    fill = {"slug": project.slug, "pk": run, "key": assignment, "algorithm": "dpo"}
    for path, pattern in routes(get_resolver().url_patterns):
        if path.startswith(("admin/", "^", "static/")) or "(?P" in path:
            continue  # the admin turns an annotator away at its door: tested below
        for name, converter in pattern.pattern.converters.items():
            kind = type(converter).__name__.removesuffix("Converter").lower()
            value = fill.get(name, run if kind == "int" else assignment)
            path = path.replace(f"<{kind}:{name}>", str(value)).replace(f"<{name}>", str(value))
        yield "/" + path


def text_of(response: HttpResponse) -> str:
    body = b"".join(response) if response.streaming else response.content  # type: ignore[arg-type]
    cookies = response.cookies.output()
    return f"{response.headers} {cookies} {body.decode(errors='replace')}"


def assert_blind(response: HttpResponse, where: str) -> None:
    text = text_of(response)
    assert CANARY not in text.lower(), where
    for number in (FIRST_ID, FIRST_ID + 1):
        assert str(number) not in text, where


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    client.raise_request_exception = False
    return client


def test_the_annotators_turn_is_blind(
    project: Project, blind_item: Item, browser: Client, annotator: User
) -> None:
    shown = browser.post(f"/projects/{project.slug}/next/")
    assert "Warm words." in text_of(shown)
    assert_blind(shown, "next")
    key = Assignment.objects.get(annotator=annotator).key
    sent = {"strength": "2", "submit_key": "k1", "seconds": "3"}
    assert_blind(browser.post(f"/assignments/{key}/submit/", {"strength": "9"}), "bad submit")
    stored = browser.post(f"/assignments/{key}/submit/", sent)
    assert stored.status_code == 200
    assert_blind(stored, "submit")
    undone = browser.post(f"/projects/{project.slug}/undo/")
    assert "Warm words." in text_of(undone)
    assert_blind(undone, "undo")
    for act in ("heartbeat", "draft", "flag", "skip"):
        assert_blind(browser.post(f"/assignments/{key}/{act}/", {}), act)


def test_an_item_that_comes_back_looks_like_any_other(
    project: Project, blind_item: Item, browser: Client, annotator: User, client: Client
) -> None:
    """What the person gets is what somebody else gets who sees the item first in that order."""
    Item.objects.filter(pk=blind_item.pk).update(answers_wanted=2, open_slots=2)
    make_item(project)
    first = services.claim_next(project, annotator)
    assert first is not None
    services.submit_answer(
        first, answer={"strength": 1, "both_bad": False}, submit_key="k", rationale="Warmer."
    )
    services.set_flow_policy(project, retest_share=0.05, retest_after=1)
    Retest.objects.create(project=project, annotator=annotator, first=first, due=1)
    shown = browser.post(f"/projects/{project.slug}/next/")
    again = Assignment.objects.get(annotator=annotator, item__status="retest")
    assert "Warmer." not in text_of(shown)
    assert_blind(shown, "next")

    other = make_member(project)
    turn = services.claim_item(blind_item, other)
    assert turn is not None
    Assignment.objects.filter(pk=turn.pk).update(display_order=again.display_order)
    client.force_login(other)
    to_other = client.post(f"/projects/{project.slug}/next/")

    def anonymous(response: HttpResponse) -> str:
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "KEY", response.content.decode())

    assert anonymous(shown) == anonymous(to_other)
    client.force_login(annotator)
    sent = {"strength": "2", "submit_key": "k1", "seconds": "3"}
    stored = browser.post(f"/assignments/{again.key}/submit/", sent)
    assert (stored.status_code, stored.json()) == (200, {})
    assert_blind(stored, "submit")


@pytest.mark.parametrize(
    "slug",
    [slug for slug, kind in TASK_TYPES.items() if kind.MIN_RESPONSES <= 2 <= kind.MAX_RESPONSES],
)
def test_every_question_is_asked_blind(
    project: Project, blind_item: Item, browser: Client, annotator: User, slug: str
) -> None:
    Item.objects.update(task_type=slug)
    shown = browser.post(f"/projects/{project.slug}/next/")
    assert "Warm words." in text_of(shown)
    assert_blind(shown, slug)
    key = Assignment.objects.get(annotator=annotator).key
    for sent in ({"text": "Warm words and more."}, {"text": "Warm tea.", "edited": "0"}):
        preview = browser.post(f"/assignments/{key}/preview/", sent)
        assert preview.status_code == 200
        assert_blind(preview, "preview")


def test_no_address_says_where_a_response_came_from(
    project: Project, blind_item: Item, browser: Client, annotator: User
) -> None:
    assignment = services.claim_next(project, annotator)
    assert assignment is not None
    run = Run.objects.get().pk
    answered: Counter[int] = Counter()
    for address in addresses(project, assignment.key, run):
        for method in (browser.get, browser.post):
            if "logout" in address:
                continue
            response = method(address)
            assert_blind(response, f"{method.__name__} {address}")
            answered[response.status_code] += 1
    # Else the crawl would have looked at little more than refusals.
    assert answered[200] >= 8
    assert sum(answered.values()) >= 60
    assert not answered[500]


def test_the_search_finds_what_a_researcher_may_see(
    project: Project, blind_item: Item, client: Client, researcher: User
) -> None:
    client.force_login(researcher)
    with pytest.raises(AssertionError):
        assert_blind(client.get(f"/projects/{project.slug}/checkpoints/"), "checkpoints")


def test_the_admin_turns_annotators_away(blind_item: Item, browser: Client) -> None:
    for model in ("item", "response", "source", "annotation"):
        response = browser.get(f"/admin/annotation/{model}/")
        assert response.status_code in (302, 403, 404)
        assert_blind(response, model)


def test_a_response_stands_left_as_often_as_right() -> None:
    """10,000 draws; 0.015 are three standard errors of a fair coin. No run of equal draws helps."""
    draws = [shuffled(2, seed)[0] for seed in range(10_000)]
    assert sum(draws) / len(draws) == pytest.approx(0.5, abs=0.015)
    changes = sum(a != b for a, b in zip(draws, draws[1:], strict=False)) / (len(draws) - 1)
    assert changes == pytest.approx(0.5, abs=0.015)


def test_each_of_the_six_orders_of_three_is_as_frequent() -> None:
    orders = Counter(tuple(shuffled(3, seed)) for seed in range(12_000))
    assert len(orders) == 6
    # 2,000 each; the standard deviation is sqrt(12,000 · 1/6 · 5/6) = 41
    assert all(abs(count - 2_000) < 4 * 41 for count in orders.values())


def test_the_order_stays_when_the_page_is_loaded_again(
    project: Project, blind_item: Item, browser: Client, annotator: User
) -> None:
    texts = []
    for _ in range(3):
        shown = text_of(browser.post(f"/projects/{project.slug}/next/"))
        texts.append(shown.index("Warm words.") < shown.index("Cold words."))
    assert len(set(texts)) == 1
    assert Prompt.objects.count() == 1
