"""Gold that is doubtful, and verdicts that become gold."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import queries_gold, services
from annotation.exports.rows import judged_items
from annotation.models import Flag, Gold, Item, Membership, Project, Verdict
from tests.builders import make_annotation, make_assignment, make_item, make_member

pytestmark = pytest.mark.django_db

FIRST = {"strength": 2, "both_bad": False}


@pytest.fixture
def reviewer(project: Project) -> User:
    return make_member(project, Membership.Role.REVIEWER, "reviewer")


@pytest.fixture
def browser(client: Client, reviewer: User) -> Client:
    client.force_login(reviewer)
    return client


def gold_of(item: Item) -> Gold:
    return services.make_gold(item, kind="hidden", answer=FIRST, reason="So it is.")


def test_gold_that_most_miss_or_somebody_flags_is_doubtful(
    project: Project, browser: Client
) -> None:
    missed = make_item(project, answers_wanted=6)
    for _ in range(6):
        make_annotation(missed, strength=-2)
    flagged, fine = make_item(project), make_item(project)
    turn = make_assignment(flagged)
    made = {name: gold_of(i) for name, i in (("a", missed), ("b", flagged), ("c", fine))}
    services.flag(turn, "Unsafe")
    doubtful = [line.id for line in queries_gold.gold_lines(project) if line.is_doubtful]
    assert doubtful == [made["a"].pk, made["b"].pk]
    page = browser.get("/projects/demo/review/gold/").content.decode()
    assert "most miss it" in page
    assert "Unsafe" in page

    for gold in (made["a"], made["b"]):
        browser.post(f"/projects/demo/review/gold/{gold.pk}/retire/")
    assert not [line for line in queries_gold.gold_lines(project) if line.is_doubtful]
    assert Flag.objects.get().resolved is not None
    assert "No gold is doubtful" in browser.get("/projects/demo/review/gold/").content.decode()


@pytest.mark.parametrize("kind", ["hidden", "training"])
def test_a_verdict_becomes_gold(
    project: Project, browser: Client, reviewer: User, kind: str
) -> None:
    item = make_item(project, answers_wanted=2)
    for strength in (1, -1):
        make_annotation(item, strength=strength)
    services.give_verdict(
        item, kind="answer", answer=FIRST, reason="It counts.", reviewer=reviewer, submit_key="k"
    )
    page = browser.get(f"/projects/demo/review/{item.pk}/").content.decode()
    assert f'value="{kind}"' in page
    browser.post(f"/projects/demo/review/{item.pk}/gold/", {"kind": kind})
    gold = Gold.objects.get()
    assert (gold.item, gold.kind, gold.answer) == (item, kind, FIRST)
    assert (gold.reason, gold.created_by) == ("It counts.", reviewer)
    assert list(judged_items(project)) == []
    assert Verdict.objects.count() == 1


@pytest.mark.parametrize("kind", ["undecided", "retire"])
def test_what_is_no_answer_becomes_no_gold(
    project: Project, browser: Client, reviewer: User, kind: str
) -> None:
    item = make_item(project)
    make_annotation(item)
    services.give_verdict(item, kind=kind, reason="Hm.", reviewer=reviewer, submit_key="k")
    url = f"/projects/demo/review/{item.pk}/"
    assert "Make hidden gold" not in browser.get(url).content.decode()
    for sent in ({"kind": "hidden"}, {}):
        said = browser.post(f"{url}gold/", sent, follow=True).content.decode()
        assert "Only an item whose verdict" in said or "Choose hidden or training" in said
    assert not Gold.objects.exists()


def test_a_demonstration_becomes_gold_without_its_diff(project: Project, reviewer: User) -> None:
    item = make_item(project, ["Paris", "London"], task_type="demonstration")
    services.give_verdict(
        item,
        kind="answer",
        answer={"text": "Paris.", "edited": 0},
        reason="A full stop.",
        reviewer=reviewer,
        submit_key="k",
    )
    assert "diff" in (Verdict.objects.get().answer or {})
    gold = services.make_gold_of_verdict(item, kind="training", user=reviewer)
    assert gold.answer == {"text": "Paris.", "edited": 0}
