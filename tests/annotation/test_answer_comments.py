"""What reviewers and annotators say to each other about one answer."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from annotation import queries_adjudication, queries_threads, services
from annotation.models import Annotation, AnswerComment, Assignment, Membership, Project
from annotation.queries_review import Filters, ranking
from annotation.services import pauses
from tests.builders import make_annotation, make_assignment, make_item, make_member, make_prompt

pytestmark = pytest.mark.django_db

FIRST = {"strength": 2, "both_bad": False}


@pytest.fixture
def reviewer(project: Project) -> User:
    return make_member(project, Membership.Role.REVIEWER, "reviewer")


@pytest.fixture
def answered(project: Project, annotator: User) -> Annotation:
    item = make_item(project, prompt=make_prompt(project, "When was it built?"), answers_wanted=2)
    return make_annotation(item, annotator, rationale="It names the year.")


def of(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def test_a_comment_reaches_the_annotator_and_the_reply_the_reviewers(
    project: Project, answered: Annotation, annotator: User, reviewer: User
) -> None:
    turn, item = answered.assignment, answered.assignment.item
    services.give_verdict(
        item, kind="answer", answer=FIRST, reason="Yes.", reviewer=reviewer, submit_key="k"
    )
    hers, mine = Client(), Client()
    hers.force_login(reviewer)
    mine.force_login(annotator)
    sent = hers.post(
        f"/projects/demo/review/{item.pk}/comment/{turn.key}/?state=adjudicated",
        {"text": "Good eye."},
    )
    assert sent["Location"] == (
        f"/projects/demo/review/{item.pk}/?state=adjudicated#answer-{turn.key}"
    )
    assert "1<span" in mine.get("/projects/demo/").content.decode()
    page = mine.get("/projects/demo/me/").content.decode()
    for words in ("Good eye.", "A reviewer", "It names the year.", "Yes.", "When was it built?"):
        assert words in page
    assert queries_threads.unread_count(project, annotator) == 0
    assert 'class="badge badge--accent">new' not in mine.get("/projects/demo/me/").content.decode()

    assert mine.post(f"/assignments/{turn.key}/reply/", {"text": "Thanks."}).status_code == 302
    assert [line.item for line in ranking(project, Filters(state="replied")).lines] == [item.pk]
    assert "Thanks." in hers.get(f"/projects/demo/review/{item.pk}/").content.decode()
    assert ranking(project, Filters(state="replied")).lines == []
    assert [c.by_annotator for c in AnswerComment.objects.all()] == [False, True]


def test_the_annotator_learns_neither_who_reviews_nor_what_others_said(
    project: Project, answered: Annotation, annotator: User, client: Client
) -> None:
    item = answered.assignment.item
    other = make_annotation(item, make_member(project, username="otherperson"), rationale="Mine!")
    judge = make_member(project, Membership.Role.REVIEWER, "judgeperson")
    services.comment_on_answer(answered.assignment, judge, "Look again.")
    services.comment_on_answer(other.assignment, judge, "For the other one.")
    page = of(client, annotator).get("/projects/demo/me/").content.decode()
    assert "Look again." in page
    for secret in ("judgeperson", "otherperson", "Mine!", "For the other one."):
        assert secret not in page


def test_what_was_talked_about_stays_as_it_is(
    project: Project, answered: Annotation, annotator: User, reviewer: User, client: Client
) -> None:
    services.comment_on_answer(answered.assignment, reviewer, "Why?")
    with pytest.raises(services.NotAllowed, match="stays"):
        services.submit_answer(
            answered.assignment, answer={"strength": -1, "both_bad": False}, submit_key="other"
        )
    assert services.undo_last(project, annotator) is None
    page = of(client, annotator).get("/projects/demo/me/").content.decode()
    assert "?change=" not in page
    assert answered.assignment.annotations.count() == 1


def test_undo_takes_back_the_newest_answer_that_nobody_commented_on(
    project: Project, answered: Annotation, annotator: User, reviewer: User
) -> None:
    services.comment_on_answer(answered.assignment, reviewer, "Why?")
    later = make_annotation(make_item(project), annotator)
    undone = services.undo_last(project, annotator)
    assert undone == later.assignment


def test_what_cannot_be_said_is_refused(
    project: Project, answered: Annotation, annotator: User, reviewer: User
) -> None:
    turn = answered.assignment
    with pytest.raises(services.NotAllowed, match="Nobody has commented"):
        services.comment_on_answer(turn, annotator, "Hello?")
    for text in ("  ", "x" * 4_001, "a\x00b"):
        with pytest.raises(services.AnswerInvalid):
            services.comment_on_answer(turn, reviewer, text)
    unanswered = make_assignment(make_item(project))
    with pytest.raises(services.NotAllowed, match="no answer"):
        services.comment_on_answer(unanswered, reviewer, "Hello?")
    assert not AnswerComment.objects.exists()


def test_an_annotator_cannot_flood_the_reviewers(
    answered: Annotation, annotator: User, reviewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.services.review.MAX_COMMENTS_A_DAY", 1)
    assert pauses.MAX_COMMENTS_A_DAY > 1
    services.comment_on_answer(answered.assignment, reviewer, "Why?")
    services.comment_on_answer(answered.assignment, annotator, "So.")
    with pytest.raises(services.NotAllowed, match="very often"):
        services.comment_on_answer(answered.assignment, annotator, "And so.")
    AnswerComment.objects.update(created=timezone.now() - timedelta(days=2))
    services.comment_on_answer(answered.assignment, annotator, "And so.")


def test_an_empty_comment_says_what_to_do_and_keeps_nothing(
    answered: Annotation, reviewer: User, client: Client
) -> None:
    turn = answered.assignment
    url = f"/projects/demo/review/{turn.item_id}/comment/{turn.key}/"
    page = of(client, reviewer).post(url, {"text": " "}, follow=True).content.decode()
    assert "Write something first." in page
    assert not AnswerComment.objects.exists()


def test_an_answer_belongs_to_its_item(
    project: Project, answered: Annotation, reviewer: User, client: Client
) -> None:
    other = make_item(project)
    url = f"/projects/demo/review/{other.pk}/comment/{answered.assignment.key}/"
    assert of(client, reviewer).post(url, {"text": "x"}).status_code == 404


def test_more_threads_need_no_more_queries(
    project: Project,
    answered: Annotation,
    annotator: User,
    reviewer: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    services.comment_on_answer(answered.assignment, reviewer, "One.")
    with django_assert_num_queries(5):
        queries_threads.threads_of(project, annotator)
    for _ in range(3):
        more = make_annotation(make_item(project), annotator)
        services.comment_on_answer(more.assignment, reviewer, "More.")
    with django_assert_num_queries(5):
        assert len(queries_threads.threads_of(project, annotator)) == 4
    item = queries_adjudication.find_reviewed(project, answered.assignment.item_id)
    assert len(queries_adjudication.adjudication(item, reviewer).answers) == 1
    assert Assignment.objects.count() == 4
