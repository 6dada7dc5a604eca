"""A stored answer in the words of its form, for every task type that is listed."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import services
from annotation.models import Item, Project
from annotation.queries_people import in_words
from annotation.task_types import TASK_TYPES
from tests.builders import make_item


def item_of(project: Project, slug: str) -> Item:
    kind = TASK_TYPES[slug]
    texts = [f"Answer {number}." for number in range(kind.EXAMPLE_RESPONSES)]
    if texts:
        return make_item(project, texts, task_type=slug)
    prompt = services.get_or_add_prompt(project, [{"role": "user", "content": "Why?"}])[0]
    item = services.queue_item(project, prompt, [], key="alone", task_type=slug)
    assert item is not None
    return item


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_every_answer_has_words(project: Project, slug: str) -> None:
    item, kind = item_of(project, slug), TASK_TYPES[slug]
    form = kind.AnswerForm(kind.EXAMPLE, responses=kind.EXAMPLE_RESPONSES)
    assert form.is_valid(), form.errors
    order = range(kind.EXAMPLE_RESPONSES)
    words = in_words(item, kind.to_canonical(form.cleaned_data, order), order)
    print(slug, "|", words)
    assert words.strip()
    assert "{" not in words


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_every_item_can_be_answered_as_gold(
    project: Project, client: Client, researcher: User, slug: str
) -> None:
    item = item_of(project, slug)
    client.force_login(researcher)
    assert client.get(reverse("gold_new", args=["demo", item.pk])).status_code == 200
    sent = TASK_TYPES[slug].EXAMPLE | {"rationale": "Because.", "kind": "hidden"}
    made = client.post(reverse("gold_make", args=["demo", item.pk]), sent)
    assert made.status_code == 200, made.content
    assert client.get(reverse("gold", args=["demo"])).status_code == 200


def test_dimensions_and_reasons_have_words(project: Project) -> None:
    asked = {"dimensions": ["Honesty"], "reasons": ["More accurate", "Safer"]}
    services.update_project(project, task_config=asked)
    answer = {
        "strength": 2,
        "both_bad": False,
        "dimensions": {"Honesty": 1},
        "reasons": ["More accurate", "Safer"],
    }
    words = in_words(item_of(project, "pairwise"), answer, [1, 0])
    assert words == "Strength: B is better · Reasons: More accurate, Safer · Honesty: B is better"
