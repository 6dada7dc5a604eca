"""A person's week: what is compared when, and that it answers nothing that is still asked."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries, Settings

from annotation import services
from annotation.models import (
    Annotation,
    Comment,
    Item,
    Membership,
    Project,
    Retest,
    Reveal,
    Verdict,
    WeekNote,
)
from annotation.queries_weekly import WeekPage, week_page
from annotation.services.answers import EDIT_WINDOW
from annotation.services.claims import claim_item
from annotation.weekly.compared import is_new
from annotation.weekly.week import Week, last_week, read_week, week_of
from tests.builders import make_annotation, make_item, make_member, make_prompt

FIRST = {"strength": 2, "both_bad": False}
SECOND = {"strength": -2, "both_bad": False}
PAGE = "/projects/demo/week/"


@pytest.fixture
def reviewer(project: Project) -> User:
    return make_member(project, Membership.Role.REVIEWER, "rita_reviews")


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


def wednesday(week: Week | None = None) -> datetime:
    return (week or last_week()).start + timedelta(days=2, hours=10)


def say_on(moment: datetime) -> None:
    """Let everything said and decided so far be of this moment."""
    Annotation.objects.update(created=moment)
    Verdict.objects.update(created=moment)


def both_answered(
    project: Project, annotator: User, *others: User, mine: int = 2, theirs: int = -2, **fields: Any
) -> Item:
    """A complete item: the annotator's answer, and the same of each other one."""
    item = make_item(project, answers_wanted=1 + len(others), **fields)
    make_annotation(item, annotator, strength=mine)
    for other in others:
        make_annotation(item, other, strength=theirs, rationale="The second one is true.")
    return item


def decide(item: Item, reviewer: User, **fields: Any) -> Verdict:
    chosen = {"kind": "answer", "answer": SECOND, "reason": "It names the year.", "submit_key": "k"}
    return services.give_verdict(item, reviewer=reviewer, **(chosen | fields))


def page_of(project: Project, annotator: User, week: Week | None = None) -> WeekPage:
    return week_page(project, annotator, week or last_week())


def of_researchers(page: WeekPage) -> tuple[float | None, int]:
    return page.now.with_researchers.rate, page.now.with_researchers.n


# --- weeks ----------------------------------------------------------------------------------------


def test_a_week_begins_and_ends_at_midnight_of_a_monday_in_the_zone(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    week = week_of(datetime(2026, 10, 25, 22, 59, tzinfo=UTC))  # 23:59 there, the clocks went back
    assert week.monday == date(2026, 10, 19)
    assert (week.end - week.start) == timedelta(days=7)  # by the clock; in hours one more
    assert week.end.astimezone(UTC) == datetime(2026, 10, 25, 23, tzinfo=UTC)
    assert week.start.astimezone(UTC) == datetime(2026, 10, 18, 22, tzinfo=UTC)
    assert week.ready.astimezone(UTC) == datetime(2026, 10, 26, 6, tzinfo=UTC)
    assert week_of(datetime(2026, 10, 25, 23, tzinfo=UTC)).monday == date(2026, 10, 26)


@pytest.mark.parametrize("text", ["2026-11-24", "x", "0001-01-01", "9999-12-27", "2026-W47-1", ""])
def test_only_mondays_of_weeks_that_are_over_name_a_week(text: str) -> None:
    assert read_week(text) is None
    assert read_week(last_week().monday.isoformat()) == last_week()


# --- what is compared -----------------------------------------------------------------------------


def test_figures_by_hand(
    project: Project, annotator: User, researcher: User, reviewer: User
) -> None:
    """Two items that a researcher answered too, alike and not; one that a verdict decides. With
    the researchers 1 of 3; with the others 1 of 3 as well, and the week before 1 of 1."""
    both_answered(project, annotator, researcher, theirs=1)
    say_on(wednesday(last_week().before))
    before = set(Annotation.objects.values_list("pk", flat=True))
    both_answered(project, annotator, researcher, theirs=3)
    differs = both_answered(project, annotator, researcher)
    decided = both_answered(project, annotator, make_member(project), theirs=-1)
    verdict = decide(decided, reviewer)
    services.comment_on_answer(
        decided.assignments.get(annotator=annotator), reviewer, "Look at the date."
    )
    Annotation.objects.exclude(pk__in=before).update(created=wednesday())
    Verdict.objects.filter(pk=verdict.pk).update(created=wednesday() + timedelta(hours=1))
    page = page_of(project, annotator)
    assert of_researchers(page) == (pytest.approx(1 / 3), 3)
    assert (page.now.with_rest.rate, page.now.with_rest.n) == (pytest.approx(1 / 3), 3)
    assert page.now.with_researchers.interval is not None
    assert (page.before.with_researchers.rate, page.before.with_researchers.n) == (1.0, 1)
    assert (page.now.work.done, page.before.work.done) == (3, 1)
    assert [(each.kind, each.same, each.n) for each in page.now.kinds] == [
        ("verdict", 0, 1),
        ("researcher", 1, 2),
    ]
    assert [each.theirs[0].kind for each in page.differences] == ["verdict", "researcher"]
    assert "It names the year." in page.differences[0].theirs[0].why
    assert "The second one is true." in page.differences[1].theirs[0].why
    assert page.differences[1].prompt == str(differs.prompt)


def test_both_answers_stand_in_the_words_and_the_order_that_the_person_saw(
    project: Project, annotator: User, researcher: User
) -> None:
    item = both_answered(project, annotator, researcher)
    say_on(wednesday())
    (found,) = page_of(project, annotator).differences
    letters = {
        index: "AB"[place]
        for place, index in enumerate(item.assignments.get(annotator=annotator).display_order)
    }
    assert letters[0] in found.yours
    assert letters[1] in found.theirs[0].words
    orders = [turn.display_order for turn in item.assignments.all()]
    assert bool(found.theirs[0].letters) == (orders[0] != orders[1])


def test_an_item_that_is_still_asked_tells_nothing(
    project: Project, annotator: User, researcher: User, reviewer: User
) -> None:
    item = make_item(project, answers_wanted=3)
    make_annotation(item, annotator)
    make_annotation(item, researcher, strength=-2)
    decide(item, reviewer)
    say_on(wednesday())
    page = page_of(project, annotator)
    assert (of_researchers(page), page.now.with_rest.n, page.differences) == ((None, 0), 0, [])
    make_annotation(item)
    say_on(wednesday())
    assert of_researchers(page_of(project, annotator)) == (0.0, 1)


def test_what_the_person_is_to_answer_again_tells_nothing(
    project: Project, annotator: User, researcher: User
) -> None:
    """A retest measures how consistent somebody is; who was told says what they were told."""
    item = both_answered(project, annotator, researcher)
    say_on(wednesday())
    assert of_researchers(page_of(project, annotator)) == (0.0, 1)
    turn = item.assignments.get(annotator=annotator)
    Retest.objects.create(project=project, annotator=annotator, first=turn, due=9)
    assert of_researchers(page_of(project, annotator))[1] == 0


def test_an_answer_that_can_be_changed_is_compared_a_week_later(
    project: Project, annotator: User, researcher: User
) -> None:
    both_answered(project, annotator, researcher)
    week = last_week().before
    say_on(week.end - timedelta(hours=23))
    assert of_researchers(page_of(project, annotator, week)) == (None, 0)
    assert of_researchers(page_of(project, annotator, last_week())) == (0.0, 1)
    say_on(week.end - timedelta(hours=25))
    assert of_researchers(page_of(project, annotator, week)) == (0.0, 1)
    assert of_researchers(page_of(project, annotator, last_week())) == (None, 0)


def test_a_late_verdict_belongs_to_its_own_week_and_a_past_page_stays(
    project: Project, annotator: User, researcher: User, reviewer: User
) -> None:
    item = both_answered(project, annotator, researcher)
    week = last_week().before
    say_on(wednesday(week))
    verdict = decide(item, reviewer, answer=FIRST)
    Verdict.objects.filter(pk=verdict.pk).update(created=wednesday(last_week()))
    assert of_researchers(page_of(project, annotator, week)) == (0.0, 1)  # the researcher's
    assert of_researchers(page_of(project, annotator, last_week())) == (1.0, 1)


def test_what_is_left_undecided_is_compared_with_nobody(
    project: Project, annotator: User, researcher: User, reviewer: User
) -> None:
    item = both_answered(project, annotator, researcher)
    decide(item, reviewer, kind="undecided", answer=None)
    say_on(wednesday())
    assert of_researchers(page_of(project, annotator)) == (None, 0)


def test_texts_that_people_wrote_are_not_compared(
    project: Project, annotator: User, researcher: User
) -> None:
    item = make_item(project, ["one"], task_type="demonstration", answers_wanted=2)
    for person, text in ((annotator, "Mine."), (researcher, "Theirs.")):
        make_annotation(item, person, answer={"text": text, "edited": None})
    say_on(wednesday())
    assert of_researchers(page_of(project, annotator)) == (None, 0)


moments = st.datetimes(datetime(2026, 1, 5), datetime(2026, 2, 28), timezones=st.just(UTC))


@given(mine=moments, theirs=st.lists(moments, min_size=1, max_size=3), decided=st.none() | moments)
def test_each_comparison_is_new_in_one_week_and_stays_its_own_after_it(
    mine: datetime, theirs: list[datetime], decided: datetime | None
) -> None:
    own = Annotation(created=mine)
    revisions: dict[int, Annotation | None] = {0: own}
    revisions |= {n: Annotation(created=each) for n, each in enumerate(theirs, 1)}
    verdict = Verdict(created=decided) if decided else None
    mondays = [date(2026, 1, 5) + timedelta(weeks=n) for n in range(9)]
    weeks = [w for w in map(Week, mondays) if is_new(revisions, own, verdict, w)]
    assert len(weeks) == 1
    known = max([*theirs, *([decided] if decided else [])])
    assert known < weeks[0].end
    assert mine + EDIT_WINDOW < weeks[0].end
    open_still: dict[int, Annotation | None] = revisions | {9: None}
    assert not any(is_new(open_still, own, verdict, Week(monday)) for monday in mondays)


# --- gold -----------------------------------------------------------------------------------------


def test_hidden_gold_is_nowhere_but_among_the_answers_counted(
    project: Project, browser: Client, annotator: User, researcher: User
) -> None:
    item = make_item(project, prompt=make_prompt(project, "Which is hidden?"))
    gold = services.make_gold(item, kind="hidden", answer=FIRST, reason="A secret reason.")
    for person in (annotator, researcher):
        turn = claim_item(gold.item, person)
        assert turn is not None
        services.submit_answer(turn, answer=SECOND, submit_key="k")
    say_on(wednesday())
    page = page_of(project, annotator)
    assert (of_researchers(page), page.now.with_rest.n) == ((None, 0), 0)
    assert page.now.work.done == 1
    text = browser.get(PAGE).content.decode()
    assert "Which is hidden?" not in text
    assert "A secret reason." not in text
    services.retire_gold(gold)
    assert of_researchers(page_of(project, annotator)) == (None, 0)


def test_an_item_that_becomes_gold_later_is_not_told_by_vanishing(
    project: Project, annotator: User, researcher: User
) -> None:
    item = both_answered(project, annotator, researcher)
    say_on(wednesday())
    WeekNote.objects.create(
        project=project, annotator=annotator, monday=last_week().monday, items=[item.pk]
    )
    before = page_of(project, annotator)
    services.make_gold(item, kind="hidden", answer=FIRST, reason="Because.")
    assert claim_item(item, make_member(project)) is not None
    assert page_of(project, annotator) == before
    WeekNote.objects.all().delete()  # who was not told of it before is told nothing now
    assert of_researchers(page_of(project, annotator)) == (None, 0)


def test_training_gold_is_compared_in_the_week_in_which_it_was_revealed(
    project: Project, annotator: User
) -> None:
    item = make_item(project)
    services.make_gold(item, kind="training", answer=FIRST, reason="It is **true**.")
    services.set_policy(project, training_items=1)
    turn = services.claim_turn(project, annotator)
    assert turn is not None
    services.submit_answer(turn, answer=SECOND, submit_key="k")
    say_on(wednesday())
    assert of_researchers(page_of(project, annotator)) == (None, 0)
    turn.refresh_from_db()
    services.reveal(turn)
    Reveal.objects.update(created=wednesday())
    page = page_of(project, annotator)
    assert of_researchers(page) == (0.0, 1)
    assert "It is <strong>true</strong>." in page.differences[0].theirs[0].why


# --- the page -------------------------------------------------------------------------------------


def test_nobody_and_no_source_is_named(
    project: Project, browser: Client, annotator: User, researcher: User, reviewer: User
) -> None:
    item = both_answered(
        project,
        annotator,
        researcher,
        make_member(project, username="colleague"),
        texts=["one", "two"],
        sources=["gpt-secret", "human-secret"],
    )
    decide(item, reviewer)
    say_on(wednesday())
    text = browser.get(PAGE).content.decode()
    assert "It names the year." in text
    for name in (
        researcher.get_username() + "<",
        "rita_reviews",
        "colleague",
        "secret",
        str(item.key),
    ):
        assert name not in text


def test_the_running_week_and_odd_addresses_are_not_there(
    project: Project, browser: Client, annotator: User
) -> None:
    assert browser.get(PAGE).status_code == 200
    running = week_of(datetime.now(UTC)).monday
    for monday in (running, running + timedelta(days=7), "yesterday", "2026-11-24"):
        assert browser.get(f"{PAGE}{monday}/").status_code == 404
    assert browser.get(f"{PAGE}{last_week().monday}/").status_code == 200


def test_the_page_takes_few_queries_however_many_items(
    project: Project,
    annotator: User,
    researcher: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(8):
        both_answered(project, annotator, researcher)
    say_on(wednesday())
    with django_assert_max_num_queries(24):
        assert page_of(project, annotator).now.differing == 8


def test_the_person_writes_back_about_it(
    project: Project, browser: Client, annotator: User
) -> None:
    address = f"{PAGE}{last_week().monday}/write/"
    answer = browser.post(address, {"text": "The first one is right."}, follow=True)
    assert "Sent." in answer.content.decode()
    assert Comment.objects.get().text == "The first one is right."
    answer = browser.post(address, {"text": ""}, follow=True)
    assert "Write something first" in answer.content.decode()
    assert Comment.objects.count() == 1
