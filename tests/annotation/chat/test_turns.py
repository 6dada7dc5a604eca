"""From a message to an item: what is stored, what is asked, and what happens when models fail."""

import threading
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from annotation import services
from annotation.chat import jobs
from annotation.exports import rows
from annotation.models import Assignment, Conversation, Item, Project, Prompt, Response, Turn
from annotation.queries_chat import thread
from annotation.services import chat_turns
from tests import fake_models
from tests.annotation.chat.conftest import Models
from tests.builders import make_member, make_project
from tests.fake_models import echoing, saying


def say(conversation: Conversation, text: str, key: str = "") -> Turn:
    return services.send_message(conversation, text, key or f"key of {text}")


def answered(conversation: Conversation, text: str) -> Turn:
    turn = say(conversation, text)
    jobs.carry_out(turn.pk)
    turn.refresh_from_db()
    return turn


def prefer(
    conversation: Conversation, turn: Turn, text: str, *, key: str = "first", **fields: object
) -> Turn:
    """Judge the turn: the response with this text is better."""
    assignment = chat_turns.assignment_of(turn)
    assert assignment is not None
    links = assignment.item.item_responses.order_by("position").select_related("response")
    canonical = [link.response.text for link in links]
    strength = 2 if canonical.index(text) == 0 else -2
    return services.choose_reply(
        conversation,
        assignment,
        answer={"strength": strength, "both_bad": False},
        submit_key=f"submit {turn.pk} {key}",
        **fields,  # type: ignore[arg-type]
    )


def test_each_turn_is_an_item_with_its_preference(
    project: Project, models: Models, conversation: Conversation, annotator: User
) -> None:
    warm, cold = models.add(echoing("Warm")), models.add(echoing("Cold"))
    turn = answered(conversation, "Good morning.")
    assert turn.status == Turn.Status.ANSWERED
    item = turn.item
    assert item is not None
    assert (item.task_type, item.origin, item.answers_wanted) == ("pairwise", "chat", 1)
    assert item.open_slots == 0  # leased to the person who chats
    assignment = Assignment.objects.get(item=item)
    assert (assignment.annotator, assignment.status) == (annotator, Assignment.Status.LEASED)

    turn = prefer(conversation, turn, "Cold: Good morning.")
    assert turn.reply is not None
    assert turn.reply.text == "Cold: Good morning."
    item.refresh_from_db()
    assert item.status == Item.Status.COMPLETE

    answered(conversation, "And now?")
    for model in (warm, cold):
        assert [said["content"] for said in model.seen[1][2]["messages"]] == [
            "Good morning.",
            "Cold: Good morning.",
            "And now?",
        ]
    assert len({prompt.conversation_root for prompt in Prompt.objects.all()}) == 1
    assert len({prompt.split for prompt in Prompt.objects.all()}) == 1
    assert [len(group["preferences"]) for group in rows.groups(project)] == [1]


def test_models_are_asked_at_the_same_time_and_seen_together(
    models: Models, conversation: Conversation
) -> None:
    all_asked = threading.Barrier(3, timeout=20)

    def once_all_are_asked(text: str) -> fake_models.Answer:
        def answer(handler: fake_models.Handler, body: dict[str, object]) -> None:
            all_asked.wait()
            handler.send(fake_models.completion(text))

        return answer

    for text in ("One.", "Two.", "Three."):
        models.add(once_all_are_asked(text))
    answered(conversation, "Hello?")
    shown = thread(conversation)
    assert shown.state == "choosing"
    assert shown.card is not None
    assert len(shown.card.responses) == 3
    assert shown.card.task_type == "ranking"  # a pairwise project, three answers


def test_nothing_is_seen_before_all_are_there(models: Models, conversation: Conversation) -> None:
    models.add(saying("Soon."))
    models.add(saying("Later.", after=0.4))
    turn = say(conversation, "Hello?")
    states = []

    def look(held: Turn) -> bool:
        states.append((thread(conversation).state, Response.objects.count()))
        return beat(held)

    beat, jobs.chat_turns.beat_turn = jobs.chat_turns.beat_turn, look
    try:
        jobs.carry_out(turn.pk)
    finally:
        jobs.chat_turns.beat_turn = beat
    assert len(states) >= 2
    assert set(states) == {("waiting", 0)}
    assert thread(conversation).state == "choosing"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (fake_models.silent, "the model did not respond in time"),
        (fake_models.sending(b"", 500), "the model answered with an error"),
        (fake_models.sending(b"nonsense"), "could not be read"),
        (fake_models.endless, "could not be read"),
        (saying(" "), "was empty"),
    ],
)
def test_a_failure_is_one_sentence_and_loses_nothing(
    impatient: None,
    models: Models,
    conversation: Conversation,
    answer: fake_models.Answer,
    words: str,
) -> None:
    models.add(saying("Fine."), "canary_good")
    models.add(answer, "canary_bad")
    turn = answered(conversation, "Do you hear me?")
    assert turn.status == Turn.Status.FAILED
    assert turn.error.startswith("One of the answers did not come: ")
    assert words in turn.error
    assert turn.error.count(".") == 1
    assert "canary" not in turn.error
    shown = thread(conversation)
    assert (shown.state, shown.text, shown.may_write) == ("failed", "Do you hear me?", True)
    assert not Item.objects.exists()


def test_trying_again_asks_only_for_what_is_missing(
    models: Models, conversation: Conversation
) -> None:
    good = models.add(saying("Fine."))
    flaky = models.add(fake_models.sending(b"", 503))
    turn = answered(conversation, "Hello?")
    flaky.server.answer = saying("Here I am.")
    services.retry_turn(conversation)
    assert thread(conversation).state == "waiting"
    jobs.carry_out(turn.pk)
    assert thread(conversation).state == "choosing"
    assert (len(good.seen), len(flaky.seen)) == (1, 2)


def test_trying_again_goes_by_the_models_of_now(
    project: Project, models: Models, conversation: Conversation
) -> None:
    models.add(saying("One.", "Two."), "good", candidates=1)
    models.add(fake_models.sending(b"", 503), "gone")
    turn = answered(conversation, "Hello?")
    services.update_endpoint(models.endpoint("gone"), candidates=0)
    services.update_endpoint(models.endpoint("good"), candidates=2)
    services.retry_turn(conversation)
    jobs.carry_out(turn.pk)
    turn.refresh_from_db()
    assert turn.status == Turn.Status.ANSWERED


def test_another_message_takes_the_place_of_one_that_failed(
    models: Models, conversation: Conversation
) -> None:
    good = models.add(echoing("A"))
    models.add(fake_models.sending(b"", 503))
    answered(conversation, "First try")
    models.add(echoing("B"))
    services.update_endpoint(models.endpoint("Model 2"), candidates=0)
    turn = answered(conversation, "Second try")
    assert turn.number == 1
    assert [said["content"] for said in good.seen[-1][2]["messages"]] == ["Second try"]
    assert conversation.turns.count() == 1


def test_a_gone_model_is_told_from_a_slow_one(project: Project, conversation: Conversation) -> None:
    for label in ("one", "two"):
        services.add_endpoint(
            project, label=label, address=fake_models.free_address(), model="some/model"
        )
    turn = answered(conversation, "Hello?")
    assert turn.error == "The answers did not come: the model could not be reached."
    assert "refused" in turn.candidates.get(place=0).error  # for the manager


def test_answers_that_read_the_same_are_no_question(
    models: Models, conversation: Conversation
) -> None:
    models.add(saying("Four."))
    models.add(saying(" Four.\n"))
    turn = answered(conversation, "Two and two?")
    assert turn.item is None
    shown = thread(conversation)
    assert (shown.state, shown.reply_text) == ("settled", "Four.")
    answered(conversation, "Are you sure?")


def test_two_answers_of_one_model_are_two_requests(
    models: Models, conversation: Conversation
) -> None:
    model = models.add(saying("Heads.", "Tails."), candidates=2)
    turn = answered(conversation, "Toss a coin.")
    assert len(model.seen) == 2
    assert turn.item is not None
    assert {response.source.label for response in turn.item.responses.all()} == {"Model 1"}


def test_an_edited_reply_is_a_persons_response(models: Models, conversation: Conversation) -> None:
    models.add(saying("Good."))
    models.add(saying("Bad."))
    turn = answered(conversation, "Well?")
    turn = prefer(conversation, turn, "Good.", edited="Better.")
    assert turn.reply is not None
    assert (turn.reply.text, turn.reply.source.kind) == ("Better.", "human")
    assert thread(conversation).was_edited
    edits = Item.objects.get(task_type="demonstration").assignments.get().annotations
    assert edits.get().answer["text"] == "Better."
    prefer(conversation, turn, "Good.", edited="Better yet.", key="again")
    assert edits.latest("revision").answer["text"] == "Better yet."
    prefer(conversation, turn, "Good.", edited="Better.", key="and again")
    following = say(conversation, "Go on.")
    assert [said["content"] for said in following.prompt.messages] == ["Well?", "Better.", "Go on."]


def test_a_choice_stands_although_its_demonstration_was_skipped(
    models: Models, conversation: Conversation
) -> None:
    models.add(saying("Good."))
    models.add(saying("Bad."))
    turn = answered(conversation, "Well?")
    turn = prefer(conversation, turn, "Good.", edited="Better.")
    undone = services.undo_last(conversation.project, conversation.annotator)
    assert undone is not None
    assert undone.item.task_type == "demonstration"
    services.skip(undone)
    turn = prefer(conversation, turn, "Bad.", edited="Good enough.", key="again")
    assert turn.reply is not None
    assert turn.reply.text == "Good enough."


def test_a_model_does_not_take_over_the_source_of_others(project: Project, models: Models) -> None:
    services.get_or_add_source(project, "sft_base", "SFT base", "checkpoint")
    for label in ("SFT base", "GPT-4", "gpt 4", "Annotators"):
        models.add(saying("Hello."), label=label)
    slugs = [endpoint.source.slug for endpoint in project.endpoints.order_by("pk")]
    assert slugs == ["sft_base_2", "gpt_4", "gpt_4_2", "annotators_2"]


def test_an_edit_that_changes_nothing_is_none(models: Models, conversation: Conversation) -> None:
    models.add(saying("Good."))
    models.add(saying("Bad."))
    turn = answered(conversation, "Well?")
    turn = prefer(conversation, turn, "Good.", edited=" Good.\n")
    assert turn.reply is not None
    assert turn.reply.source.kind == "model"


def test_the_conversation_can_go_on_with_another_one(
    models: Models, conversation: Conversation
) -> None:
    models.add(saying("Good."))
    models.add(saying("Bad."))
    turn = answered(conversation, "Well?")
    assignment = chat_turns.assignment_of(turn)
    assert assignment is not None
    texts = [response.text for response in chat_turns.responses_of(turn)]
    place = [texts[index] for index in assignment.display_order].index("Bad.")
    turn = prefer(conversation, turn, "Good.", go_on=place)
    assert turn.reply is not None
    assert turn.reply.text == "Bad."


def test_a_skipped_choice_goes_on_with_any(models: Models, conversation: Conversation) -> None:
    models.add(saying("One."))
    models.add(saying("Two."))
    turn = answered(conversation, "Well?")
    assignment = chat_turns.assignment_of(turn)
    assert assignment is not None
    services.skip(assignment, "I don’t know")
    shown = thread(conversation)
    assert shown.state == "settled"
    assert not shown.may_change
    assert say(conversation, "Go on.").prompt.messages[1]["content"] in ("One.", "Two.")


def test_a_choice_can_be_changed_until_the_conversation_goes_on(
    models: Models, conversation: Conversation
) -> None:
    models.add(echoing("A"))
    models.add(echoing("B"))
    turn = answered(conversation, "Well?")
    assignment = chat_turns.assignment_of(turn)
    assert assignment is not None
    prefer(conversation, turn, "A: Well?")
    answer = {"strength": 0, "both_bad": True}
    services.choose_reply(conversation, assignment, answer=answer, submit_key="again")
    assert assignment.annotations.count() == 2
    say(conversation, "Go on.")
    with pytest.raises(services.NotAllowed, match="gone on"):
        services.choose_reply(conversation, assignment, answer=answer, submit_key="late")


def test_the_order_of_writing_and_choosing_holds(
    models: Models, conversation: Conversation
) -> None:
    models.add(saying("One."))
    with pytest.raises(services.NotAllowed, match="switched off"):
        say(conversation, "Hello?")
    models.add(saying("Two."))
    turn = say(conversation, "Hello?", "k1")
    assert say(conversation, "Hello?", "k1") == turn
    with pytest.raises(services.SubmitConflict):
        say(conversation, "Hullo?", "k1")
    with pytest.raises(services.NotAllowed, match="Wait"):
        say(conversation, "Are you there?")
    with pytest.raises(services.NotAllowed, match="nothing to try"):
        services.retry_turn(conversation)
    jobs.carry_out(turn.pk)
    with pytest.raises(services.NotAllowed, match="better first"):
        say(conversation, "Are you there?")


@pytest.mark.parametrize("text", ["", "  \n", "\x00", "\ud800", "x" * 20_001])
def test_a_message_that_cannot_be_stored_is_refused(
    models: Models, conversation: Conversation, text: str
) -> None:
    models.add(saying("One.", "Two."), candidates=2)
    with pytest.raises(services.AnswerInvalid):
        services.send_message(conversation, text, "key")
    assert not Turn.objects.exists()


def test_a_worker_that_lost_the_turn_writes_nothing(
    models: Models, conversation: Conversation
) -> None:
    models.add(saying("One.", "Two.", "Three.", "Four."), candidates=2)
    turn = say(conversation, "Hello?")
    lost = chat_turns.claim_turn(turn.pk)
    assert lost is not None
    assert chat_turns.claim_turn(turn.pk) is None
    Turn.objects.update(heartbeat=timezone.now() - timedelta(seconds=90))
    assert thread(conversation).state == "failed"  # nobody is at it: the page does not wait
    services.retry_turn(conversation)
    outcomes = jobs.ask_all(lost, list(lost.candidates.select_related("endpoint__project")))
    chat_turns.close_turn(lost, outcomes)
    assert thread(conversation).state == "waiting"
    jobs.carry_out(turn.pk)
    assert thread(conversation).state == "choosing"


def test_a_turn_that_nobody_took_is_knocked_for_again(
    models: Models, conversation: Conversation
) -> None:
    models.add(saying("One.", "Two."), candidates=2)
    turn = say(conversation, "Hello?")
    assert chat_turns.unheard_turns() == []
    Turn.objects.update(heartbeat=timezone.now() - timedelta(seconds=40))
    assert chat_turns.unheard_turns() == [turn.pk]


def test_a_request_that_never_ends_is_left_behind(
    impatient: None,
    models: Models,
    conversation: Conversation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even one that no deadline of its own would end, as a name that is looked up for ever."""
    models.add(saying("One."))
    models.add(saying("Two."))
    monkeypatch.setattr(jobs, "GRACE_SECONDS", 0.1)
    original, never = jobs.Request.send, threading.Event()

    def send(request: jobs.Request, is_wanted: object) -> object:
        if request.where == jobs.Target(*address):
            never.wait(30)
        return original(request, is_wanted)  # type: ignore[arg-type]

    slow = models.endpoint("Model 2")
    address = (slow.address, slow.model, slow.api_key)
    monkeypatch.setattr(jobs.Request, "send", send)
    began = time.monotonic()
    turn = answered(conversation, "Hello?")
    assert time.monotonic() - began < 15
    never.set()
    assert "did not respond in time" in turn.error


def test_an_item_asks_as_many_people_as_every_item(models: Models) -> None:
    project = make_project(answers_per_item=2)
    people = [make_member(project) for _ in range(2)]
    models.project = project
    models.add(saying("One.", "Two."), candidates=2)
    conversation = services.start_conversation(project, people[0])
    turn = answered(conversation, "Hello?")
    assert turn.item is not None
    assert (turn.item.answers_wanted, turn.item.open_slots) == (2, 1)
    other = services.claim_next(project, people[1])
    assert other is not None
    assert other.item == turn.item


def test_one_person_does_not_keep_all_models_busy(
    project: Project, models: Models, annotator: User
) -> None:
    models.add(saying("One.", "Two."), candidates=2)
    for number in range(3):
        say(services.start_conversation(project, annotator), f"Hello {number}?")
    with pytest.raises(services.NotAllowed, match="other conversations"):
        say(services.start_conversation(project, annotator), "One more?")


def test_a_conversation_of_nothing_is_started_once(project: Project, annotator: User) -> None:
    first = services.start_conversation(project, annotator)
    assert services.start_conversation(project, annotator) == first


def test_a_composers_draft_is_kept_and_newer_wins(conversation: Conversation) -> None:
    assert services.save_composer(conversation, "Hel", 2) == 2
    assert services.save_composer(conversation, "H", 1) == 2
    assert Conversation.objects.get().draft == "Hel"
    for text in ("\x00", "\ud800", "x" * 20_001):
        with pytest.raises(services.AnswerInvalid):
            services.save_composer(conversation, text, 3)


def test_a_turn_has_at_most_nine_answers(project: Project, models: Models) -> None:
    models.add(saying("One."), candidates=5)
    with pytest.raises(services.AnswerInvalid, match="at most 9"):
        models.add(saying("Two."), candidates=5)
    assert project.endpoints.count() == 1
