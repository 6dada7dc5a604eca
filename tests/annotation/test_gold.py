"""Gold: made, hidden, trained with; never told apart, never counted, never acted on too soon."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotation import queries, queries_progress, queries_projects, services
from annotation.exports.rows import judged_items
from annotation.models import (
    Assignment,
    Gold,
    Item,
    Membership,
    Pause,
    Project,
    Qualification,
)
from annotation.queries_data import annotations_of
from annotation.queries_gold import gold_page
from annotation.services import gold as gold_services
from annotation.services.claims import claim_item
from tests.builders import make_annotation, make_item, make_member, make_prompt

FIRST = {"strength": 2, "both_bad": False}
SECOND = {"strength": -1, "both_bad": False}


def make_gold(project: Project, kind: str = "hidden", answer: dict[str, object] = FIRST) -> Gold:
    return services.make_gold(make_item(project), kind=kind, answer=answer, reason="It is right.")


def answer(turn: Assignment, said: dict[str, object], key: str = "k") -> None:
    services.submit_answer(turn, answer=said, submit_key=key)


def assert_slots_add_up() -> None:
    holding = Count("assignments", filter=Q(assignments__slot__isnull=False))
    for item in Item.objects.annotate(holding=holding):
        assert item.open_slots + item.holding == item.answers_wanted, item


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gold_services, "is_time_for_gold", lambda share: share > 0)


@pytest.fixture
def browser(client: Client, annotator: User) -> Client:
    client.force_login(annotator)
    return client


# --- making it ----------------------------------------------------------------------------------


def test_an_item_that_becomes_gold_leaves_the_queue_and_the_dataset(
    project: Project, annotator: User
) -> None:
    item = make_item(project, answers_wanted=2)
    make_annotation(item)
    services.make_gold(item, kind="hidden", answer=FIRST, reason="A names the year.")
    assert services.claim_next(project, annotator) is None
    assert list(judged_items(project)) == []
    assert annotations_of(project).count() == 0
    assert queries_projects.project_overview(project).answers == 0


@pytest.mark.parametrize(
    ("said", "reason"), [(FIRST, "  "), (FIRST, "x" * 20_000), ({"strength": 9}, "Because.")]
)
def test_gold_needs_a_valid_answer_and_a_reason(
    project: Project, said: dict[str, object], reason: str
) -> None:
    with pytest.raises(services.AnswerInvalid):
        services.make_gold(make_item(project), kind="hidden", answer=said, reason=reason)
    assert Gold.objects.count() == 0


def test_an_item_becomes_gold_once_and_never_goes_back(project: Project) -> None:
    gold = make_gold(project)
    with pytest.raises(services.NotAllowed, match="already"):
        services.make_gold(gold.item, kind="hidden", answer=FIRST, reason="Again.")
    services.retire_gold(gold)
    with pytest.raises(services.NotAllowed, match="does not go back"):
        services.reopen_item(gold.item)


def test_a_policy_that_makes_no_sense_is_refused(project: Project) -> None:
    with pytest.raises(ValidationError):
        services.set_policy(project, hidden_share=0.9)


# --- hidden among the others --------------------------------------------------------------------


def test_everybody_is_asked_gold_once_and_the_slots_add_up(project: Project, always: None) -> None:
    gold = make_gold(project)
    services.set_policy(project, hidden_share=0.1)
    people = [make_member(project) for _ in range(3)]
    for _ in range(6):
        make_item(project, answers_wanted=3)
    for person in people:
        turns = [services.claim_turn(project, person) for _ in range(4)]
        assert [turn.item_id == gold.item_id for turn in turns if turn] == [True] + [False] * 3
        assert_slots_add_up()
    gold.item.refresh_from_db()
    assert (gold.item.answers_wanted, gold.item.open_slots) == (3, 0)


def test_skip_undo_and_a_lost_lease_keep_the_slots_adding_up(
    project: Project, always: None
) -> None:
    gold = make_gold(project)
    make_item(project, answers_wanted=9)
    services.set_policy(project, hidden_share=0.1)
    skipper, undoer, away, last = (make_member(project) for _ in range(4))
    for person in (skipper, undoer, away):
        turn = services.claim_turn(project, person)
        assert turn is not None
        assert turn.item_id == gold.item_id
        if person == skipper:
            services.skip(turn)
        elif person == undoer:
            answer(turn, FIRST)
            assert services.undo_last(project, person) == turn
            answer(turn, SECOND, "again")
        else:
            Assignment.objects.filter(pk=turn.pk).update(lease_until="2020-01-01T00:00Z")
            services.release_stale(project)
            services.heartbeat(turn)
            turn.refresh_from_db()
            assert turn.status == Assignment.Status.LEASED
        assert_slots_add_up()
    turn = services.claim_turn(project, last)
    assert turn is not None
    assert turn.item_id == gold.item_id
    assert_slots_add_up()
    gold.item.refresh_from_db()
    assert (gold.item.status, gold.item.answer_count) == ("gold", 1)


def test_gold_comes_only_where_there_is_work(
    project: Project, annotator: User, always: None
) -> None:
    make_gold(project)
    services.set_policy(project, hidden_share=0.1)
    assert services.claim_turn(project, annotator) is None
    assert Assignment.objects.count() == 0


def test_the_item_that_gold_went_before_comes_next_and_gold_stays_first_after_a_reload(
    project: Project, annotator: User, always: None
) -> None:
    gold, item = make_gold(project), make_item(project)
    services.set_policy(project, hidden_share=0.1)
    turn = services.claim_turn(project, annotator)
    held = queries.open_assignments(project, annotator)
    assert [each.item_id for each in held] == [gold.item_id, item.pk]
    assert held[0] == turn


@pytest.mark.parametrize("role", [Membership.Role.REVIEWER, Membership.Role.RESEARCHER])
def test_those_who_make_gold_are_not_asked_it(project: Project, role: str, always: None) -> None:
    make_gold(project)
    item = make_item(project)
    services.set_policy(project, hidden_share=0.1)
    turn = services.claim_turn(project, make_member(project, role))
    assert turn is not None
    assert turn.item_id == item.pk


def test_nobody_gets_gold_of_a_category_that_they_would_rather_not_read(
    project: Project, annotator: User, always: None
) -> None:
    project.task_config = {"harm_categories": ["violence"]}
    project.save()
    item = make_item(project, prompt=make_prompt(project, category="violence"))
    services.make_gold(item, kind="hidden", answer=FIRST, reason="It is right.")
    make_item(project, answers_wanted=2)
    services.set_policy(project, hidden_share=0.5)
    services.opt_out(project, annotator, "violence")
    for person, asked in ((annotator, False), (make_member(project), True)):
        turn = services.claim_turn(project, person)
        assert turn is not None
        assert (turn.item_id == item.pk) is asked


def test_the_spacing_follows_the_share_and_has_no_memory() -> None:
    """10,000 draws at 0.2: the share within four standard errors, and the same after gold."""
    draws = [gold_services.is_time_for_gold(0.2) for _ in range(10_000)]
    assert sum(draws) == pytest.approx(2_000, abs=4 * 40)
    after = [later for earlier, later in pairwise(draws) if earlier]
    assert sum(after) / len(after) == pytest.approx(0.2, abs=4 * 0.4 / len(after) ** 0.5)
    assert not any(gold_services.is_time_for_gold(0.0) for _ in range(100))


def shape(response: HttpResponse, project: Project) -> str:
    """A turn without what differs between any two: keys, tokens and the texts asked about."""
    text = f"{sorted(response.headers.items())}{response.content.decode()}"
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "KEY", text)
    text = re.sub(r"(Question|Answer) \d+[?.]", "TEXT", text)
    return re.sub(r"\('(Content-Length|Expires)', '[^']*'\)", "", text)


def test_gold_and_another_turn_differ_in_nothing_but_the_texts(
    project: Project, browser: Client, annotator: User, always: None
) -> None:
    gold = make_gold(project)
    make_item(project, prompt=make_prompt(project))
    services.set_policy(project, hidden_share=0.5)
    shown = [browser.post(reverse("next_item", args=["demo"])) for _ in range(1)]
    first = Assignment.objects.get(item=gold.item)
    shown.append(browser.post(reverse("next_item", args=["demo"]), {"held": str(first.key)}))
    assert str(first.key) in shown[0].content.decode()
    assert str(first.key) not in shown[1].content.decode()
    assert shape(shown[0], project) == shape(shown[1], project)
    assert "gold" not in shape(shown[0], project).lower()
    other = Assignment.objects.exclude(item=gold.item).get()
    said = []
    for turn in (first, other):
        url: Callable[[str], str] = lambda name, turn=turn: reverse(name, args=[turn.key])  # noqa: E731
        sent = {"strength": "1", "submit_key": f"s{turn.pk}", "seconds": "2"}
        replies = [
            browser.post(url("heartbeat"), {"active_seconds": "1"}),
            browser.post(url("draft"), {"draft": '{"rationale": ["x"]}', "version": "1"}),
            browser.post(url("flag"), {"reason": "Wrong language"}),
            browser.post(url("submit"), sent | {"strength": "9"}),
            browser.post(url("submit"), sent),
            browser.post(reverse("undo", args=["demo"])),
            browser.post(url("submit"), sent | {"submit_key": f"t{turn.pk}"}),
            browser.post(url("skip"), {"reason": "late"}),
        ]
        said.append([(reply.status_code, shape(reply, project)) for reply in replies])
    assert said[0] == said[1]


def test_no_figure_tells_that_an_answer_was_to_gold(
    project: Project, annotator: User, always: None
) -> None:
    """What a person sees counted changes by one with each answer, gold or not."""
    make_gold(project)
    for _ in range(3):
        make_item(project)
    services.set_policy(project, hidden_share=0.5)

    def figures() -> tuple[int, ...]:
        now, (line,) = (
            queries_progress.progress(project, annotator),
            queries_projects.home(annotator),
        )
        assert (now.done, now.total, now.mine) == (line.done, line.total, line.mine)
        assert line.open_to_me == queries_projects.open_to(project, annotator)
        return now.done, now.total, now.mine, line.open_to_me

    assert figures() == (0, 4, 0, 4)
    for number in range(1, 4):
        held = queries.open_assignments(project, annotator)
        turn = held[0] if held else services.claim_turn(project, annotator)
        assert turn is not None
        assert figures() == (number - 1, 4, number - 1, 5 - number)
        answer(turn, FIRST)
        assert figures() == (number, 4, number, 4 - number)


# --- acting on it -------------------------------------------------------------------------------


def answer_gold(project: Project, person: User, said: list[dict[str, object]]) -> None:
    for each in said:
        turn = claim_item(make_gold(project).item, person)
        assert turn is not None
        answer(turn, each)


def test_nobody_is_paused_for_a_miss_and_somebody_is_who_surely_disagrees(
    project: Project, annotator: User
) -> None:
    services.set_policy(project, hidden_share=0.1, pause_below=0.6)
    answer_gold(project, annotator, [SECOND])
    services.require_all_read(project, annotator)
    answer_gold(project, annotator, [SECOND] * 3)
    with pytest.raises(services.MustRead, match="you agreed with them on 0") as refusal:
        services.require_all_read(project, annotator)
    assert refusal.value.notice == "pause"


def test_whoever_is_let_on_starts_anew(project: Project, annotator: User, manager: User) -> None:
    services.set_policy(project, hidden_share=0.1, pause_below=0.6)
    answer_gold(project, annotator, [SECOND] * 4)
    with pytest.raises(services.MustRead):
        services.require_all_read(project, annotator)
    services.resume(project, annotator, manager)
    services.require_all_read(project, annotator)
    answer_gold(project, annotator, [SECOND])
    services.require_all_read(project, annotator)
    with pytest.raises(services.NotAllowed, match="not paused"):
        services.resume(project, annotator, manager)


def test_retired_gold_forgives(project: Project, annotator: User) -> None:
    services.set_policy(project, hidden_share=0.1, pause_below=0.6)
    answer_gold(project, annotator, [SECOND] * 4)
    for gold in Gold.objects.all():
        services.retire_gold(gold)
    services.require_all_read(project, annotator)


def test_gold_that_most_people_miss_is_listed_first(project: Project) -> None:
    fine, bad = make_gold(project), make_gold(project)
    for _ in range(5):
        person = make_member(project)
        for gold, said in ((fine, FIRST), (bad, SECOND)):
            turn = claim_item(gold.item, person)
            assert turn is not None
            answer(turn, said)
    lines = gold_page(project).lines
    assert [(line.id, line.is_bad) for line in lines] == [(bad.pk, True), (fine.pk, False)]
    assert lines[0].answer == "A is better"


def test_a_paused_person_reads_why_writes_back_and_goes_on(
    project: Project, browser: Client, annotator: User, manager: User
) -> None:
    make_item(project)
    services.pause(project, annotator, "Let us talk about item length.")
    page = browser.post("/projects/demo/next/")
    assert "Let us talk about item length." in page.content.decode()
    assert browser.post("/api/v1/projects/demo/next/").status_code == 409
    assert browser.post("/projects/demo/write_back/", {"text": " "}).status_code == 422
    assert browser.post("/projects/demo/write_back/", {"text": "Gladly."}).status_code == 200
    assert 'data-notice="pause-1"' in browser.post("/projects/demo/next/").content.decode()
    office = Client()
    office.force_login(manager)
    person = reverse("person", args=["demo", annotator.pk])
    assert "Gladly." in office.get(person).content.decode()
    assert "paused" in office.get("/projects/demo/members/").content.decode()
    office.post(person, {"action": "comment", "text": "Thank you."})
    assert "Thank you." in browser.post("/projects/demo/next/").content.decode()
    office.post(person, {"action": "resume"})
    assert "data-assignment" in browser.post("/projects/demo/next/").content.decode()
    assert Pause.objects.get().ended_by == manager


# --- training -----------------------------------------------------------------------------------


@pytest.fixture
def training(project: Project) -> list[Gold]:
    """Four training items; two a try, both have to agree, two tries."""
    make_item(project)
    golds = [make_gold(project, "training") for _ in range(4)]
    services.set_policy(project, training_items=2, pass_share=1.0, tries=2)
    return golds


def train(project: Project, person: User, said: dict[str, object]) -> None:
    services.require_all_read(project, person)
    turn = services.claim_turn(project, person)
    assert turn is not None
    assert turn.item.gold.kind == "training"
    assert services.claim_turn(project, person) is None  # one at a time
    answer(turn, said)
    with pytest.raises(services.MustRead) as refusal:
        services.require_all_read(project, person)
    assert refusal.value.notice == "feedback"
    turn.refresh_from_db()
    services.reveal(turn)


def test_somebody_new_trains_first_and_is_let_in_with_a_pass(
    project: Project, annotator: User, training: list[Gold]
) -> None:
    for _ in range(2):
        train(project, annotator, FIRST)
    services.require_all_read(project, annotator)
    turn = services.claim_turn(project, annotator)
    assert turn is not None
    assert turn.item.status == Item.Status.OPEN
    assert Qualification.objects.get().has_passed


def test_a_failed_try_is_followed_by_another_with_other_items(
    project: Project, annotator: User, training: list[Gold]
) -> None:
    for said in (FIRST, SECOND, FIRST, FIRST):
        train(project, annotator, said)
    assert Qualification.objects.get().has_passed
    asked = Assignment.objects.filter(annotator=annotator).values_list("item", flat=True)
    assert sorted(asked) == [gold.item_id for gold in training]


def test_whoever_fails_every_try_is_paused_until_a_manager_lets_them_in(
    project: Project, annotator: User, manager: User, training: list[Gold]
) -> None:
    for _ in range(4):
        train(project, annotator, SECOND)
    with pytest.raises(services.MustRead, match="0 of 2 training items; 2 are needed"):
        services.require_all_read(project, annotator)
    services.resume(project, annotator, manager)
    services.require_all_read(project, annotator)
    turn = services.claim_turn(project, annotator)
    assert turn is not None
    assert turn.item.status == Item.Status.OPEN
    assert Qualification.objects.get().decided_by == manager


def test_whoever_worked_before_there_was_a_training_goes_on(
    project: Project, annotator: User
) -> None:
    make_annotation(make_item(project), annotator)
    make_gold(project, "training")
    item = make_item(project)
    services.set_policy(project, training_items=1, pass_share=1.0)
    turn = services.claim_turn(project, annotator)
    assert turn is not None
    assert turn.item_id == item.pk


def test_skipping_every_training_item_ends_with_a_manager(
    project: Project, annotator: User, training: list[Gold]
) -> None:
    for _ in range(4):
        turn = services.claim_turn(project, annotator)
        assert turn is not None
        services.skip(turn)
    assert services.claim_turn(project, annotator) is None
    with pytest.raises(services.MustRead, match="no training items left"):
        services.require_all_read(project, annotator)
    services.resume(project, annotator, by=make_member(project, "manager"))
    services.require_all_read(project, annotator)
    let_in = services.claim_turn(project, annotator)
    assert let_in is not None
    assert not Gold.objects.filter(item=let_in.item).exists()


@pytest.mark.parametrize("skipped", [0, 3])
def test_a_request_beside_an_answer_gets_nothing_before_it_is_talked_about(
    project: Project, annotator: User, training: list[Gold], skipped: int
) -> None:
    """The screen asks for the next item while an answer is being sent: what has to be read was
    asked before the answer was there, what comes next after it. Nor is anybody paused if it was
    the last one."""
    for _ in range(skipped):
        turn = services.claim_turn(project, annotator)
        assert turn is not None
        services.skip(turn)
    answered = services.claim_turn(project, annotator)
    assert answered is not None
    services.require_all_read(project, annotator)
    answer(answered, FIRST)
    assert services.claim_turn(project, annotator) is None
    with pytest.raises(services.MustRead) as refusal:
        services.require_all_read(project, annotator)
    assert refusal.value.notice == "feedback"


def test_chat_neither_ends_the_training_nor_begins_before_it(
    project: Project, annotator: User, training: list[Gold]
) -> None:
    with pytest.raises(services.NotAllowed, match="training"):
        services.require_trained(project, annotator)
    chatted = make_item(project, origin=Item.Origin.CHAT)
    turn = claim_item(chatted, annotator)
    assert turn is not None
    answer(turn, FIRST)
    following = services.claim_turn(project, annotator)
    assert following is not None
    assert following.item.gold.kind == "training"


def test_a_past_figure_does_not_move_when_an_old_answer_is_sent_again(
    project: Project, annotator: User
) -> None:
    """Else it would tell which items are gold, and whether the answer was right."""
    turn = claim_item(make_gold(project).item, annotator)
    assert turn is not None
    answer(turn, FIRST)
    until = timezone.now()

    def figure() -> list[bool]:
        return gold_services.outcomes(project, annotator, Gold.Kind.HIDDEN, until=until)

    assert figure() == [True]
    answer(turn, SECOND, key="once more")
    assert figure() == [True]
    services.undo_last(project, annotator)
    assert figure() == [True]


def test_an_answer_stays_once_the_researchers_is_shown(
    project: Project, annotator: User, training: list[Gold]
) -> None:
    turn = services.claim_turn(project, annotator)
    assert turn is not None
    answer(turn, SECOND)
    answer(turn, SECOND)  # sent twice: nothing new
    with pytest.raises(services.NotAllowed, match="yours stays"):
        answer(turn, FIRST, "edit")
    assert services.undo_last(project, annotator) is None


def test_the_screen_shows_both_answers_and_the_reason(
    project: Project, browser: Client, annotator: User, training: list[Gold]
) -> None:
    browser.post("/projects/demo/next/")
    turn = Assignment.objects.get()
    Assignment.objects.update(display_order=[1, 0])
    sent = {"strength": "3", "submit_key": "k"}  # A on the screen is canonical response 1
    browser.post(reverse("submit", args=[turn.key]), sent)
    page = browser.post("/projects/demo/next/", {"held": str(turn.key)}).content.decode()
    assert "The researchers see it differently" in page
    assert "<dd>A is much better</dd>" in page
    assert "<dd>B is better</dd>" in page
    assert "It is right." in page
    assert "Training 1 of 2" in page
    reveal = reverse("reveal", args=[turn.key])
    assert browser.post(reveal).status_code == 200
    assert "data-assignment" in browser.post("/projects/demo/next/").content.decode()


def test_the_api_gives_feedback_before_the_next_turn(
    project: Project, browser: Client, annotator: User, training: list[Gold]
) -> None:
    following = "/api/v1/projects/demo/next/"
    turn = services.claim_turn(project, annotator)
    assert turn is not None
    answer(turn, FIRST)
    refused = browser.post(following)
    assert refused.status_code == 409
    assert str(turn.key) in refused.json()["detail"]
    said = browser.post(f"/api/v1/assignments/{turn.key}/feedback/").json()
    assert (said["agrees"], said["reason"]) == (True, "It is right.")
    assert said["yours"] == said["theirs"]
    assert browser.post(following).status_code == 200


def test_hidden_gold_is_never_revealed(project: Project, browser: Client, annotator: User) -> None:
    turn = claim_item(make_gold(project).item, annotator)
    assert turn is not None
    answer(turn, SECOND)
    assert browser.post(reverse("reveal", args=[turn.key])).status_code == 409


# --- the researcher's pages ---------------------------------------------------------------------


def test_a_researcher_answers_an_item_in_its_own_form(
    project: Project, client: Client, researcher: User
) -> None:
    item = make_item(project)
    client.force_login(researcher)
    page = client.get(reverse("gold_new", args=["demo", item.pk])).content.decode()
    assert "Which response is better?" in page
    make = reverse("gold_make", args=["demo", item.pk])
    lacking = client.post(make, {"strength": "2", "kind": "training"})
    assert lacking.json() == {"errors": {"rationale": ["Say in a few words why."]}}
    sent = {"strength": "2", "kind": "training", "rationale": "A names the year."}
    assert client.post(make, sent).status_code == 200
    gold = Gold.objects.get()
    assert (gold.answer, gold.reason, gold.created_by) == (FIRST, "A names the year.", researcher)
    assert client.post(make, sent).status_code == 409
    assert "A names the year." in client.get("/projects/demo/gold/").content.decode()


def test_a_policy_cannot_ask_for_more_training_items_than_there_are(
    project: Project, client: Client, researcher: User
) -> None:
    client.force_login(researcher)
    sent = {"training_items": 3, "pass_share": 1, "tries": 1, "hidden_share": 0, "pause_below": 0}
    refused = client.post("/projects/demo/gold/", sent)
    assert refused.status_code == 422
    assert "There are 0 training items" in refused.content.decode()
    for _ in range(3):
        make_gold(project, "training")
    assert client.post("/projects/demo/gold/", sent).status_code == 302
