"""Review: which items are disputed, what a reviewer sees of one, and what a verdict does."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from annotation import queries_adjudication, queries_review, services
from annotation.models import Flag, Item, Membership, Project, Verdict
from annotation.pseudonyms import pseudonym
from annotation.queries_adjudication import adjudication
from annotation.queries_review import Filters, ranking, review_page
from tests.builders import make_annotation, make_item, make_member, make_prompt

pytestmark = pytest.mark.django_db

FIRST = {"strength": 2, "both_bad": False}
SECOND = {"strength": -2, "both_bad": False}


@pytest.fixture
def reviewer(project: Project) -> User:
    return make_member(project, Membership.Role.REVIEWER, "reviewer")


@pytest.fixture
def browser(client: Client, reviewer: User) -> Client:
    client.force_login(reviewer)
    return client


def disputed(project: Project, *strengths: int, **fields: Any) -> Item:
    """An item that people answered like this."""
    strengths = strengths or (2, -2)
    item = make_item(project, answers_wanted=len(strengths), **fields)
    for strength in strengths:
        make_annotation(item, strength=strength)
    item.refresh_from_db()
    return item


def decide(item: Item, reviewer: User, **fields: Any) -> Verdict:
    chosen = {"kind": "answer", "answer": FIRST, "reason": "It names the year.", "submit_key": "k"}
    return services.give_verdict(item, reviewer=reviewer, **(chosen | fields))


# --- the list -----------------------------------------------------------------------------------


def test_the_most_disputed_come_first(project: Project) -> None:
    split = disputed(project, 2, 1, -2)
    opposite = disputed(project)
    tie = disputed(project, 2, 0)
    disputed(project, 2, 1)  # agrees
    make_annotation(make_item(project, answers_wanted=2))  # one answer is still to come
    make_annotation(make_item(project))
    found = [(line.item, round(line.disagreement, 2)) for line in ranking(project, Filters()).lines]
    assert found == [(opposite.pk, 1.0), (split.pk, 0.67), (tie.pk, 0.5)]


def test_only_the_newest_revision_counts(project: Project) -> None:
    item = disputed(project)
    last = item.assignments.order_by("-id")[0]
    services.submit_answer(last, answer=FIRST, submit_key="changed")
    assert ranking(project, Filters()).lines == []


def test_each_state_has_its_items(project: Project, reviewer: User) -> None:
    waiting, decided, open_flag = disputed(project), disputed(project), make_item(project)
    decide(decided, reviewer)
    said = make_annotation(make_item(project, answers_wanted=2))
    services.flag(said.assignment, "Unsafe", "Look at B.")
    gold = disputed(project)
    services.make_gold(gold, kind="hidden", answer=FIRST, reason="So it is.")
    states = {
        state: [line.item for line in ranking(project, Filters(state=state)).lines]
        for state in queries_review.STATES
    }
    assert states == {
        "open": [waiting.pk],
        "flagged": [said.assignment.item_id],
        "replied": [],
        "adjudicated": [decided.pk],
    }
    assert open_flag.pk not in sum(states.values(), [])


def test_task_type_and_category_narrow_it_down(project: Project) -> None:
    science = make_prompt(project, category="science")
    thumbs = make_item(
        project, ["only"], prompt=science, task_type="thumbs", answers_wanted=2, sources=["demo"]
    )
    for good in (True, False):
        make_annotation(thumbs, answer={"good": good})
    other = disputed(project)
    found = [
        {line.item for line in ranking(project, filters).lines}
        for filters in (
            Filters(),
            Filters(task_type="thumbs"),
            Filters(category="science"),
            Filters(category="art"),
        )
    ]
    assert found == [{thumbs.pk, other.pk}, {thumbs.pk}, {thumbs.pk}, set()]


def test_what_lies_before_the_newest_items_is_reached(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [disputed(project) for _ in range(3)]
    monkeypatch.setattr(queries_review, "COMPARED", 2)
    first = ranking(project, Filters())
    assert [line.item for line in first.lines] == [items[1].pk, items[2].pk]
    rest = ranking(project, Filters(before=first.earlier))
    assert ([line.item for line in rest.lines], rest.earlier) == ([items[0].pk], 0)


def test_a_longer_list_needs_no_more_queries(
    project: Project,
    reviewer: User,
    browser: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    disputed(project)
    with django_assert_num_queries(10) as few:
        review_page(project, reviewer, Filters(), None)
    for _ in range(4):
        disputed(project)
    with django_assert_num_queries(len(few.captured_queries)):
        review_page(project, reviewer, Filters(), None)


# --- one item -----------------------------------------------------------------------------------


def test_a_reviewer_sees_pseudonyms_and_a_manager_names(
    project: Project, reviewer: User, manager: User, annotator: User
) -> None:
    item = make_item(project, answers_wanted=2)
    make_annotation(item, annotator, rationale="B rambles.")
    make_annotation(item, strength=-2)
    item = queries_adjudication.find_reviewed(project, item.pk)
    shown, named = adjudication(item, reviewer), adjudication(item, manager)
    assert shown.answers[0].by == pseudonym(project, annotator.pk)[:6]
    assert named.answers[0].by == "annotator"
    first = shown.answers[0]
    assert (first.rationale, first.seconds, first.guideline_version) == ("B rambles.", 12.5, 1)
    assert shown.disagreement == 1.0


def test_answers_stand_in_the_order_that_the_reviewer_sees(
    project: Project, reviewer: User
) -> None:
    item = make_item(project, ["one", "two"])
    make_annotation(item, strength=3)  # "one" is much better
    shown = adjudication(queries_adjudication.find_reviewed(project, item.pk), reviewer)
    letter = next(r.letter for r in shown.card.responses if r.text == "one")
    assert shown.answers[0].words == f"{letter} is much better"


def test_letters_are_translated_from_one_order_to_another() -> None:
    between = queries_adjudication.letters_between
    assert between([0, 1], [0, 1]) == ""
    assert between([0, 1], [1, 0]) == "their A is B here, B is A"
    # They saw 2, 0, 1 as A, B, C; here 0 is A, 1 is B and 2 is C.
    assert between([2, 0, 1], [0, 1, 2]) == "their A is C here, B is A, C is B"
    assert between([2, 1, 0], [0, 1, 2]) == "their A is C here, C is A"


def test_a_reason_of_another_order_is_read_with_its_letters(
    project: Project, reviewer: User, browser: Client
) -> None:
    item = make_item(project, answers_wanted=2)
    order = queries_adjudication.order_for(item, reviewer, 2)
    for seen in (order, order[::-1]):
        person = make_member(project)
        said = make_annotation(item, person, rationale="B rambles.")
        said.assignment.display_order = seen
        said.assignment.save()
    shown = adjudication(item, reviewer)
    assert sorted(answer.letters for answer in shown.answers) == ["", "their A is B here, B is A"]
    page = browser.get(f"/projects/{project.slug}/review/{item.pk}/").content.decode()
    assert page.count("They saw the responses in another order: their A is B here, B is A.") == 1


def test_different_items_are_shown_in_different_orders(project: Project, reviewer: User) -> None:
    orders = {
        tuple(queries_adjudication.order_for(make_item(project), reviewer, 2)) for _ in range(20)
    }
    assert orders == {(0, 1), (1, 0)}


def test_neither_list_nor_item_says_where_a_response_came_from(
    project: Project, browser: Client
) -> None:
    item = make_item(project, ["one", "two"], sources=["canary_a", "canary_b"], answers_wanted=2)
    for strength in (1, -1):
        make_annotation(item, strength=strength)
    for address in ("", f"{item.pk}/"):
        page = browser.get(f"/projects/demo/review/{address}").content.decode()
        assert f"/review/{item.pk}/" in page
        assert "canary" not in page


# --- verdicts -----------------------------------------------------------------------------------


def test_the_words_that_differ_come_in_the_reviewers_order(
    project: Project, reviewer: User, browser: Client
) -> None:
    item = make_item(project, ["It opened in 1894.", "It opened late."])
    page = f"/projects/{project.slug}/review/{item.pk}/"
    url = f"{page}diff/"
    assert f'data-diff-url="{url}"' in browser.get(page).content.decode()
    sides = browser.post(url).json()["responses"]
    texts = ["It opened in 1894.", "It opened late."]
    order = queries_adjudication.order_for(item, reviewer, 2)
    assert ["".join(text for text, _ in side) for side in sides] == [texts[n] for n in order]
    ranking = make_item(project, ["one", "two", "three"], task_type="ranking")
    asked = browser.post(f"/projects/{project.slug}/review/{ranking.pk}/diff/")
    assert asked.status_code == 404


def test_a_verdict_is_kept_in_canonical_order_and_goes_on_to_the_next(
    project: Project, browser: Client, reviewer: User
) -> None:
    items = [disputed(project) for _ in range(2)]
    item = items[0]
    order = queries_adjudication.order_for(item, reviewer, 2)
    url = f"/projects/demo/review/{item.pk}/verdict/"
    sent = {"kind": "answer", "strength": "3", "rationale": "Why.", "known": 0, "submit_key": "k1"}
    first = browser.post(url, sent)
    assert json.loads(first.content) == {"next": f"/projects/demo/review/{items[1].pk}/"}
    browser.post(url, sent)
    verdict = Verdict.objects.get()
    assert verdict.answer == {"strength": 3 if order == [0, 1] else -3, "both_bad": False}
    assert (verdict.reviewer, verdict.reason, verdict.item) == (reviewer, "Why.", item)
    assert verdict.guideline is not None
    assert [line.item for line in ranking(project, Filters()).lines] == [items[1].pk]


def test_a_later_verdict_supersedes_and_the_earlier_one_stays(
    project: Project, reviewer: User
) -> None:
    item = disputed(project)
    first = decide(item, reviewer)
    decide(item, reviewer, answer=SECOND, submit_key="k2", known=first.pk)
    assert [v.answer for v in item.verdicts.all()] == [FIRST, SECOND]
    shown = adjudication(queries_adjudication.find_reviewed(project, item.pk), reviewer)
    assert len(shown.verdicts) == 2
    assert shown.card.initial["rationale"] == "It names the year."


def test_a_verdict_that_came_meanwhile_is_not_overlooked(project: Project, reviewer: User) -> None:
    item = disputed(project)
    decide(item, reviewer)
    with pytest.raises(services.NotAllowed, match="came meanwhile"):
        decide(item, reviewer, submit_key="k2", known=0)
    assert item.verdicts.count() == 1


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"reason": " "}, "rationale"),
        ({"kind": "maybe"}, "kind"),
        ({"kind": "undecided"}, "answer"),
        ({"answer": None}, "strength"),
        ({"submit_key": ""}, "submit_key"),
        ({"reason": "a\x00b"}, "rationale"),
    ],
)
def test_what_is_no_verdict_is_refused(
    project: Project, reviewer: User, fields: dict[str, Any], field: str
) -> None:
    item = disputed(project)
    with pytest.raises(services.AnswerInvalid) as refusal:
        decide(item, reviewer, **fields)
    assert refusal.value.field == field
    assert not Verdict.objects.exists()


def test_retiring_takes_the_item_out_of_the_queue_and_can_be_taken_back(
    project: Project, reviewer: User
) -> None:
    item = disputed(project)
    said = make_annotation(make_item(project, answers_wanted=3))
    services.flag(said.assignment, "Unsafe")
    flagged = said.assignment.item
    decide(item, reviewer, kind="retire", answer=None)
    decide(flagged, reviewer, kind="retire", answer=None)
    assert services.claim_next(project, make_member(project)) is None
    assert Flag.objects.get().resolved is not None
    decide(item, reviewer, submit_key="k2")
    decide(flagged, reviewer, kind="undecided", answer=None, submit_key="k2")
    item.refresh_from_db()
    flagged.refresh_from_db()
    assert (item.status, flagged.status) == ("complete", "open")


def test_gold_is_not_reviewed(project: Project, browser: Client, reviewer: User) -> None:
    item = disputed(project)
    services.make_gold(item, kind="hidden", answer=FIRST, reason="So it is.")
    with pytest.raises(services.NotAllowed, match="gold"):
        decide(item, reviewer)
    assert browser.get(f"/projects/demo/review/{item.pk}/").status_code == 404


def test_the_database_keeps_kind_and_answer_together(project: Project, reviewer: User) -> None:
    for kind, answer in (("answer", None), ("retire", FIRST)):
        with pytest.raises(IntegrityError), transaction.atomic():
            Verdict.objects.create(
                item=make_item(project), kind=kind, answer=answer, reason="x", reviewer=reviewer
            )


# --- who gets in --------------------------------------------------------------------------------


def test_a_reviewer_annotates_and_reviews_and_does_no_more(browser: Client) -> None:
    allowed = {
        address: browser.get(f"/projects/demo/{address}").status_code
        for address in ("", "annotate/", "review/", "exports/", "gold/", "members/")
    }
    assert allowed == {
        "": 200,
        "annotate/": 200,
        "review/": 200,
        "exports/": 403,
        "gold/": 403,
        "members/": 403,
    }


def test_another_projects_item_is_not_there(
    project_elsewhere: Project, browser: Client, client: Client
) -> None:
    item = disputed(project_elsewhere)
    for method, tail in ((browser.get, ""), (browser.post, "verdict/")):
        assert method(f"/projects/demo/review/{item.pk}/{tail}").status_code == 404
        assert method(f"/projects/elsewhere/review/{item.pk}/{tail}").status_code == 404
