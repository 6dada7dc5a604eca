"""Records of production: what is stored, what is left out and why, and that nothing leaks."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation import services
from annotation.imports.logs import is_sampled
from annotation.models import (
    LogBand,
    LogPolicy,
    LogRecord,
    LogTally,
    Project,
    Prompt,
    Response,
    Source,
)
from tests.builders import make_project, make_prompt

pytestmark = pytest.mark.django_db

API = "/api/v1/projects/demo/logs/"
PAGE = "/projects/demo/logs/"
POEM = "Write a poem about the sea and the long summer that we spent there together, please. "


def record(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"req_{number}",
        "model": "assistant-2",
        "messages": [{"role": "user", "content": f"Question {number}: what is it about?"}],
        "response": f"It is about {number}.",
    } | changes


def asking(text: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    return record(number, messages=[{"role": "user", "content": text}], **changes)


def tallies(project: Project) -> dict[str, int]:
    return dict(LogTally.objects.filter(project=project).values_list("name", "count"))


@pytest.fixture
def taking(project: Project) -> Callable[..., list[str]]:
    """Turn the intake on and send records; what became of each."""
    services.set_log_policy(project, is_on=True)
    return lambda *raw: [each.outcome for each in services.take_records(project, raw)]


# --- what is stored -------------------------------------------------------------------------------


def test_a_record_becomes_a_prompt_and_a_response(project: Project) -> None:
    services.set_log_policy(project, is_on=True)
    sent = record(
        created="2026-01-31T12:00:00+02:00",
        category="letters",
        metadata={"region": "eu", "ms": 412, "cached": False, "note": None},
    )
    (done,) = services.take_records(project, [sent])
    prompt, response = Prompt.objects.get(), Response.objects.get()
    assert (done.outcome, done.prompt, done.response) == ("stored", prompt.pk, response.pk)
    assert (prompt.category, prompt.external_id) == ("letters", "req_1")
    assert prompt.messages == sent["messages"]
    assert prompt.split == project.split_of(prompt.conversation_root)
    assert (response.text, response.source.slug) == ("It is about 1.", "assistant-2")
    assert response.source.kind == Source.Kind.MODEL
    kept = LogRecord.objects.get()
    assert kept.happened is not None
    assert kept.happened.isoformat() == "2026-01-31T10:00:00+00:00"
    assert kept.metadata == sent["metadata"]


def test_completions_and_parts_are_read_as_openai_gives_them(
    project: Project, taking: Callable[..., list[str]]
) -> None:
    sent = record(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"text": "there"}]},
        ],
        response={"choices": [{"message": {"role": "assistant", "content": "Hello."}}]},
        created=1769860800.5,
    )
    assert taking(sent) == ["stored"]
    assert Response.objects.get().text == "Hello."
    assert Prompt.objects.get().messages == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi\nthere"},
    ]


def test_stored_records_are_ready_for_builders(
    project: Project, taking: Callable[..., list[str]]
) -> None:
    both = [asking("The same?", 1, model="a", response="One."), asking("The same?", 2, model="b")]
    assert taking(*both) == ["stored", "stored"]
    built = services.build_items(project, "several_sources", count=1, control_share=0.0)
    assert built.chosen == 1
    assert project.items.get().responses.count() == 2


def test_a_prompt_that_is_here_already_is_used(
    project: Project, taking: Callable[..., list[str]]
) -> None:
    prompt = make_prompt(project, "The same?", category="kept")
    assert taking(asking("The same?", category="other")) == ["stored"]
    assert Response.objects.get().prompt == prompt
    prompt.refresh_from_db()
    assert prompt.category == "kept"


# --- what is left out -----------------------------------------------------------------------------


def test_nothing_is_taken_while_it_is_off(project: Project) -> None:
    with pytest.raises(services.NotAllowed, match="takes no records"):
        services.take_records(project, [record()])
    assert not Prompt.objects.exists()
    assert tallies(project) == {}


def test_the_same_id_is_stored_once_whatever_it_says(
    project: Project, taking: Callable[..., list[str]]
) -> None:
    assert taking(record(), record(response="Another."), record(2)) == [
        "stored",
        "duplicate",
        "stored",
    ]
    again = services.take_records(project, [record(response="A third."), record(2)])
    assert [each.outcome for each in again] == ["duplicate", "duplicate"]
    assert again[0].reason == "A record with this id came before."
    first = LogRecord.objects.get(external_id="req_1")
    assert (again[0].prompt, again[0].response) == (first.prompt_id, first.response_id)
    assert Response.objects.count() == 2


def test_equal_texts_are_left_out_unless_the_policy_keeps_them(
    project: Project, taking: Callable[..., list[str]]
) -> None:
    same = [asking("What is it?", 1, response="This."), asking("WHAT  is it?", 2, response="this.")]
    done = services.take_records(project, same)
    assert [each.outcome for each in done] == ["stored", "duplicate"]
    assert done[1].response == done[0].response
    assert taking(asking("what is it?", 3, response="This.")) == ["duplicate"]
    services.set_log_policy(project, skip_equal=False)
    assert taking(asking("What is it?", 4, response="This.")) == ["stored"]
    assert LogRecord.objects.count() == 2
    assert Response.objects.count() == 1  # one text of one source is one row


def test_near_prompts_are_left_out_where_the_policy_says_so(
    project: Project, taking: Callable[..., list[str]]
) -> None:
    services.set_log_policy(project, skip_near=True)
    near, other = POEM + "Thanks!", "How do I bake bread without any yeast at home?"
    done = services.take_records(project, [asking(POEM, 1), asking(near, 2), asking(other, 3)])
    assert [each.outcome for each in done] == ["stored", "duplicate", "stored"]
    assert done[1].reason == "A prompt that is nearly the same came before."
    assert done[1].prompt == done[0].prompt
    assert taking(asking(POEM + "Thank you!", 4), asking("Why is the sky blue?", 5)) == [
        "duplicate",
        "stored",
    ]
    assert LogBand.objects.values("prompt").distinct().count() == 3
    services.set_log_policy(project, skip_near=False)
    assert taking(asking(POEM + "Thanks, all!", 6)) == ["stored"]


def test_sampling_is_decided_by_the_id_alone(
    project: Project, taking: Callable[..., list[str]]
) -> None:
    services.set_log_policy(project, sampling_share=0.25)
    raw = [record(number) for number in range(400)]
    first = taking(*raw)
    assert set(first) == {"stored", "sampled_out"}
    assert 70 < first.count("stored") < 130  # 100 ± 3.5 standard deviations of 8.7
    again = taking(*[each | {"response": "Changed."} for each in raw])
    assert [each == "sampled_out" for each in again] == [each == "sampled_out" for each in first]
    services.set_log_policy(project, sampling_share=0.5)
    more = taking(*raw)
    assert all(b != "sampled_out" for a, b in zip(first, more, strict=True) if a == "stored")
    other = make_project("other")
    assert any(
        is_sampled(project, f"{n}", 0.5) != is_sampled(other, f"{n}", 0.5) for n in range(64)
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("text", "A record is an object."),
        ({"id": None}, "id: a text of 1 to 200"),
        ({"id": "x" * 201}, "id: a text of 1 to 200"),
        ({"model": "two words"}, "model: 1 to 100"),
        ({"model": "human"}, "model: human is the name of a source of another kind"),
        ({"messages": "Hi"}, "messages: a list of 1 to 200"),
        ({"messages": []}, "messages: a list of 1 to 200"),
        ({"messages": ["Hi"]}, "messages: Message 1 needs a role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages: Message 1: the role"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "messages: A prompt ends with"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages: only parts that are texts",
        ),
        ({"response": " "}, "response is empty"),
        ({"response": None}, "response is not a text"),
        ({"response": {"choices": []}}, "response: a text is needed"),
        ({"response": "x" * 200_001}, "messages: with the response, at most 200,000"),
        ({"created": "yesterday"}, "created: Unix seconds or a time"),
        ({"created": 1e300}, "created: Unix seconds or a time"),
        ({"created": True}, "created: Unix seconds or a time"),
        ({"category": "x" * 101}, "category: one line"),
        ({"metadata": []}, "metadata: an object"),
        ({"metadata": {"a b": 1}}, "metadata: names are letters"),
        ({"metadata": {"a": [1]}}, "metadata: a must be a text"),
        ({"metadata": {"a": "x" * 501}}, "metadata: a has at most 500"),
    ],
)
def test_a_bad_record_says_why_and_the_others_are_stored(
    project: Project, bad: Any, reason: str
) -> None:
    services.get_or_add_source(project, "human", kind=Source.Kind.HUMAN)
    services.set_log_policy(project, is_on=True)
    sent = bad if isinstance(bad, str) else record() | bad
    done = services.take_records(project, [record(7), sent, record(8)])
    assert [each.outcome for each in done] == ["stored", "invalid", "stored"]
    assert done[1].reason.startswith(reason)
    assert LogRecord.objects.count() == 2


# --- personal data --------------------------------------------------------------------------------


def test_personal_data_reaches_no_table(project: Project) -> None:
    services.set_log_policy(project, is_on=True, skip_near=True, words=["Blumberg"])
    sent = record(
        id="anna@mail.example",
        messages=[
            {"role": "user", "content": "I am Anna Blumberg, anna@mail.example."},
            {"role": "assistant", "content": "Call +14155550123?"},
            {"role": "user", "content": "No, pay 4111 1111 1111 1111."},
        ],
        response="Noted: anna@mail.example, DE89 3704 0044 0532 0130 00.",
        category="blumberg",
        metadata={"user": "anna@mail.example"},
    )
    assert [each.outcome for each in services.take_records(project, [sent])] == ["stored"]
    tables = [Prompt, Response, LogRecord, LogTally, LogBand]
    kept = "\n".join(str(row) for table in tables for row in table.objects.values())
    for secret in ("anna@", "Blumberg", "blumberg", "4155550123", "4111", "DE89"):
        assert secret not in kept
    assert Prompt.objects.get().messages[0]["content"] == "I am Anna [word], [e-mail]."
    assert LogRecord.objects.get().external_id == "[e-mail]"
    assert tallies(project) == {
        "received": 1,
        "stored": 1,
        "redacted:e-mail": 4,
        "redacted:word": 2,
        "redacted:phone": 1,
        "redacted:card": 1,
        "redacted:iban": 1,
    }
    again = services.take_records(project, [sent])
    assert [each.outcome for each in again] == ["duplicate"]
    assert tallies(project)["redacted:e-mail"] == 4  # of what is stored


def test_every_end_is_counted(project: Project, taking: Callable[..., list[str]]) -> None:
    taking(record(1), record(1), record(2, model=""))
    services.set_log_policy(project, sampling_share=0.0)
    taking(record(3))
    assert tallies(project) == {
        "received": 4,
        "stored": 1,
        "duplicate": 1,
        "invalid": 1,
        "sampled_out": 1,
    }


def test_a_larger_batch_asks_hardly_more_queries(project: Project) -> None:
    services.set_log_policy(project, is_on=True, skip_near=True)

    def queries(numbers: range) -> int:
        raw = [asking(f"{n} {POEM[n % 40 :]} {n * n}", n, model=f"m{n % 3}") for n in numbers]
        with CaptureQueriesContext(connection) as found:
            services.take_records(project, raw)
        return len(found)

    queries(range(2))  # makes what is made once
    # SQLite writes so many rows at a time; twenty times as many may take a few statements more.
    assert queries(range(200, 240)) <= queries(range(100, 102)) + 3


def test_words_and_shares_have_bounds(project: Project) -> None:
    with pytest.raises(services.ContentInvalid, match="At most 200 words"):
        services.set_log_policy(project, words=["x"] * 201)
    with pytest.raises(services.ContentInvalid, match="At most 500 records"):
        services.take_records(project, [record()] * 501)


# --- the API --------------------------------------------------------------------------------------


def test_the_api_answers_for_each_record(
    client: Client, researcher: User, project: Project
) -> None:
    client.force_login(researcher)
    body = {"records": [record(1), record(1), record(2, response="")]}
    reply = client.post(API, body, content_type="application/json")
    assert (reply.status_code, "takes no records" in reply.json()["detail"]) == (409, True)
    services.set_log_policy(project, is_on=True)
    reply = client.post(API, body, content_type="application/json")
    assert reply.status_code == 200
    assert reply.json()["counts"] == {
        "stored": 1,
        "sampled_out": 0,
        "duplicate": 1,
        "invalid": 1,
    }
    first, second, third = reply.json()["records"]
    kept = LogRecord.objects.get()
    assert first == {
        "index": 0,
        "outcome": "stored",
        "reason": "",
        "prompt": kept.prompt_id,
        "response": kept.response_id,
    }
    assert (second["index"], second["prompt"]) == (1, kept.prompt_id)
    assert (third["index"], third["reason"]) == (2, "response is empty.")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "required"),
        ({"records": []}, "may not be empty"),
        ({"records": [{}] * 501}, "At most 500 records at once"),
        ({"records": "all"}, "Expected a list"),
    ],
)
def test_a_bad_body_is_refused(
    client: Client, researcher: User, project: Project, body: Any, reason: str
) -> None:
    services.set_log_policy(project, is_on=True)
    client.force_login(researcher)
    reply = client.post(API, body, content_type="application/json")
    assert reply.status_code == 400
    assert reason in str(reply.json()["records"])


# --- the pages ------------------------------------------------------------------------------------


def test_a_manager_sets_the_policy_and_a_researcher_reads(
    client: Client, manager: User, researcher: User, project: Project
) -> None:
    wish = {
        "is_on": "on",
        "sampling_share": "0.5",
        "skip_near": "on",
        "words": "Anna Blum\nBlumberg",
    }
    client.force_login(researcher)
    assert client.post(PAGE, wish).status_code == 403
    assert "Managers change it." in client.get(PAGE).content.decode()
    client.force_login(manager)
    assert client.post(PAGE, wish).status_code == 302
    policy = LogPolicy.objects.get(project=project)
    assert (policy.is_on, policy.sampling_share) == (True, 0.5)
    assert (policy.skip_equal, policy.skip_near) == (False, True)
    assert policy.words == ["Anna Blum", "Blumberg"]
    bad = client.post(PAGE, wish | {"sampling_share": "2"})
    assert bad.status_code == 422
    assert list(bad.context["form"].errors) == ["sampling_share"]


def test_the_preview_shows_and_stores_nothing(
    client: Client, researcher: User, project: Project
) -> None:
    services.set_log_policy(project, words=["Blumberg"])
    client.force_login(researcher)
    text = "<b>Anna Blumberg</b> anna@mail.example"
    before = {table: table.objects.count() for table in (Prompt, Response, LogTally, LogRecord)}
    reply = client.post(f"{PAGE}preview/", {"text": text})
    assert reply.status_code == 200
    assert "&lt;b&gt;Anna [word]&lt;/b&gt; [e-mail]" in reply.content.decode()
    assert "e-mail: 1, word: 1" in reply.content.decode()
    assert before == {table: table.objects.count() for table in before}
    empty = client.post(f"{PAGE}preview/", {"text": ""})
    assert (empty.status_code, "Paste a text first." in empty.content.decode()) == (422, True)
