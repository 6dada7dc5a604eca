"""What each format of comparisons means, and why a line is none."""

from typing import Any

import pytest

from annotation.imports import (
    COMPARISON_FORMATS,
    hh,
    k_wise,
    oasst,
    sft_messages,
    trl,
    trl_unpaired,
)
from annotation.imports.comparison import Comparison
from annotation.imports.files import LineInvalid
from annotation.imports.prompts import prompt_of
from annotation.task_types import TASK_TYPES

HI = [{"role": "user", "content": "Hi"}]


def only(comparisons: Any) -> Comparison:
    (comparison,) = comparisons
    return comparison


def winner(comparison: Comparison) -> str:
    """The text of the response that a pairwise answer prefers."""
    return comparison.responses[0 if comparison.answer["strength"] > 0 else 1][0]


def says(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


TRL_SHAPES = {
    "explicit text": {"prompt": "Hi", "chosen": "good", "rejected": "bad"},
    "explicit messages": {"prompt": HI, "chosen": says("good"), "rejected": says("bad")},
    "prompt repeated": {"prompt": "Hi", "chosen": HI + says("good"), "rejected": HI + says("bad")},
    "implicit messages": {"chosen": HI + says("good"), "rejected": HI + says("bad")},
    "implicit transcript": {
        "chosen": "\n\nHuman: Hi\n\nAssistant: good",
        "rejected": "\n\nHuman: Hi\n\nAssistant: bad",
    },
    "messages as JSON texts": {
        "prompt": '[{"role": "user", "content": "Hi"}]',
        "chosen": '[{"role": "assistant", "content": "good"}]',
        "rejected": '[{"role": "assistant", "content": "bad"}]',
    },
}


@pytest.mark.parametrize("shape", TRL_SHAPES)
def test_every_shape_of_trl_means_the_same(shape: str) -> None:
    comparison = only(trl.comparisons(TRL_SHAPES[shape]))
    assert comparison.messages == HI
    assert winner(comparison) == "good"
    assert {text for text, _ in comparison.responses} == {"good", "bad"}
    assert comparison.key == only(trl.comparisons(TRL_SHAPES["explicit text"])).key


def test_implicit_texts_are_parted_where_trl_parts_them() -> None:
    record = {"chosen": "The sky is blue.", "rejected": "The sky is green."}
    comparison = only(trl.comparisons(record))
    assert comparison.messages == [{"role": "user", "content": "The sky is"}]
    assert winner(comparison) == " blue."


def test_the_place_of_the_better_response_does_not_tell_that_it_won() -> None:
    records = [{"prompt": str(n), "chosen": f"a{n}", "rejected": f"b{n}"} for n in range(200)]
    first = [only(trl.comparisons(record)).answer["strength"] > 0 for record in records]
    assert 60 < sum(first) < 140


def test_the_columns_of_our_own_exports_are_understood() -> None:
    record = TRL_SHAPES["explicit text"] | {
        "strength": 2.6,
        "chosen_source": "new",
        "rejected_source": "old",
    }
    comparison = only(trl.comparisons(record))
    assert abs(comparison.answer["strength"]) == 3
    assert {text: origin.slug for text, origin in comparison.responses} == {
        "good": "new",
        "bad": "old",
    }


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"prompt": "Hi", "chosen": "good"}, "field rejected is missing"),
        ({"prompt": "Hi", "chosen": "same", "rejected": " same\n"}, "read the same"),
        ({"prompt": "Hi", "chosen": "  ", "rejected": "bad"}, "chosen is empty"),
        ({"prompt": "Hi", "chosen": "a\x00", "rejected": "bad"}, "NUL"),
        ({"prompt": "Hi", "chosen": "a\ud800", "rejected": "bad"}, "surrogate"),
        ({"prompt": 5, "chosen": "a", "rejected": "b"}, "list of messages"),
        ({"prompt": says("x"), "chosen": "a", "rejected": "b"}, "ends with the user"),
        ({"prompt": "Hi", "chosen": HI, "rejected": says("b")}, "one message of the assistant"),
        ({"prompt": "Hi", "chosen": {"a": 1}, "rejected": "b"}, "chosen is not a text"),
        ({"chosen": "alpha", "rejected": "beta"}, "don't begin alike"),
        ({"chosen": HI + says("a"), "rejected": "b"}, "both be texts"),
        ({"chosen": [1, 2], "rejected": [1, 3]}, "the role is one of"),
        ({"chosen": says("a"), "rejected": says("b")}, "same messages"),
    ],
)
def test_a_bad_line_of_trl_is_refused(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(LineInvalid, match=reason):
        list(trl.comparisons(record))


def test_a_transcript_becomes_messages() -> None:
    opening = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nA new paragraph.\n\nHuman: Go on\n\nAssistant:"
    record = {"chosen": f"{opening} Sure: Human: is a word.", "rejected": f"{opening} No."}
    comparison = only(hh.comparisons(record))
    assert comparison.messages == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.\n\nA new paragraph."},
        {"role": "user", "content": "Go on"},
    ]
    assert winner(comparison) == "Sure: Human: is a word."


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [
        ("\n\nHuman: a\n\nAssistant: x", "\n\nHuman: b\n\nAssistant: y", "differ before"),
        ("\n\nHuman: a", "\n\nHuman: a\n\nAssistant: y", "does not end with a reply"),
        ("\n\nHuman: a\n\nAssistant:", "\n\nHuman: a\n\nAssistant: y", "reply of chosen is empty"),
        ("Hello", "\n\nHuman: a\n\nAssistant: y", "does not begin with"),
        (["x"], "\n\nHuman: a\n\nAssistant: y", "not a text"),
        ("\n\nAssistant: x", "\n\nAssistant: y", "at least one"),
    ],
)
def test_a_bad_transcript_is_refused(chosen: Any, rejected: Any, reason: str) -> None:
    with pytest.raises(LineInvalid, match=reason):
        list(hh.comparisons({"chosen": chosen, "rejected": rejected}))


def node(role: str, text: str, *replies: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"role": role, "text": text, "replies": list(replies), "message_id": text} | fields


def reply(text: str, rank: int | None, *replies: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return node("assistant", text, *replies, rank=rank, **fields)


def ranked_texts(comparison: Comparison) -> list[list[str]]:
    return [
        sorted(comparison.responses[index][0] for index in group)
        for group in comparison.answer["groups"]
    ]


def test_every_user_turn_with_ranked_replies_gives_a_ranking() -> None:
    deeper = node("prompter", "And then?", reply("d", 1), reply("e", 0), reply("f", 2))
    tree = node("prompter", "Why?", reply("a", 2, deeper), reply("b", 0), reply("c", 1))
    first, second = oasst.comparisons({"prompt": tree})
    assert first.messages == [{"role": "user", "content": "Why?"}]
    assert ranked_texts(first) == [["b"], ["c"], ["a"]]
    assert [m["content"] for m in second.messages] == ["Why?", "a", "And then?"]
    assert ranked_texts(second) == [["e"], ["d"], ["f"]]


def test_replies_that_cannot_be_compared_are_left_out() -> None:
    tree = node(
        "prompter",
        "Why?",
        reply("best", 0),
        reply("unranked", None),
        reply("deleted", 1, deleted=True),
        reply("best ", 2),  # reads the same as the best one
        reply("tied", 3),
        reply("tied too", 3),
    )
    (comparison,) = oasst.comparisons({"prompt": tree})
    assert ranked_texts(comparison) == [["best"], ["tied", "tied too"]]


def test_who_wrote_a_reply_is_kept() -> None:
    synthetic = {"synthetic": True, "model_name": "chip20b"}
    tree = node("prompter", "Why?", reply("a", 0), reply("b", 1, **synthetic))
    (comparison,) = oasst.comparisons({"prompt": tree})
    assert {text: origin.slug for text, origin in comparison.responses} == {
        "a": "imported_oasst_human",
        "b": "imported_oasst_chip20b",
    }


def deep_tree(depth: int) -> dict[str, Any]:
    tree = node("prompter", "end")
    for level in range(depth):
        tree = node("assistant" if level % 2 == 0 else "prompter", str(level), tree)
    return tree


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "not a tree"),
        ({"prompt": []}, "not a tree"),
        ({"prompt": node("prompter", "Why?", reply("a", 0))}, "two ranked replies"),
        ({"prompt": node("someone", "Why?")}, "neither prompter nor assistant"),
        ({"prompt": node("prompter", "")}, "empty"),
        ({"prompt": node("prompter", "Why?") | {"replies": [1]}}, "not a list of messages"),
        ({"prompt": deep_tree(300)}, "deeper than"),
        (
            {"prompt": node("prompter", "?", *(reply(str(n), n) for n in range(27)))},
            "more than 26",
        ),
        (
            {"prompt": node("prompter", "?", node("prompter", "x", rank=0), reply("y", 1))},
            "not the assistant's",
        ),
    ],
)
def test_a_bad_tree_is_refused(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(LineInvalid, match=reason):
        list(oasst.comparisons(record))


EXAMPLES: dict[str, dict[str, Any]] = {
    "trl": TRL_SHAPES["explicit text"],
    "hh": TRL_SHAPES["implicit transcript"],
    "oasst": {"prompt": node("prompter", "Hi", reply("good", 0), reply("bad", 1))},
    "trl_unpaired": {"prompt": HI, "completion": says("good"), "label": True},
    "sft_messages": {"messages": HI + says("good")},
    "k_wise": {"prompt": "Hi", "responses": ["bad", "good"], "groups": [[1], [0]]},
    "raw": {
        "item": 1,
        "task_type": "pairwise",
        "messages": HI,
        "responses": [{"text": "bad", "source": "old"}, {"text": "good", "source": "new"}],
        "annotator": "ab12",
        "answer": '{"strength": -1, "both_bad": false}',
    },
}


@pytest.mark.parametrize("slug", COMPARISON_FORMATS)
def test_every_format_gives_answers_that_its_task_type_takes(slug: str) -> None:
    comparison = only(COMPARISON_FORMATS[slug].comparisons(EXAMPLES[slug]))
    kind = TASK_TYPES[comparison.task_type]
    assert kind.check(comparison.answer, len(comparison.responses), {}) == comparison.answer
    assert praised(comparison) == ["good"]
    texts = {text for text, _ in comparison.responses} | set(praised(comparison))
    assert comparison.chars == len("Hi") + sum(map(len, texts))


def praised(comparison: Comparison) -> list[str]:
    """The texts that the answer prefers to another, calls good, or holds as the ideal one."""
    kind, count = TASK_TYPES[comparison.task_type], len(comparison.responses)
    pairs = kind.preferences(comparison.answer, count)
    better = [pair.a if pair.p > 0.5 else pair.b for pair in pairs if pair.p != 0.5]
    good = [said.response for said in kind.unpaired(comparison.answer, count) if said.is_good]
    written = [said.text for said in kind.demonstrations(comparison.answer, count)]
    return [comparison.responses[index][0] for index in [*better, *good]] + written


@pytest.mark.parametrize(
    ("record", "messages"),
    [
        ({"prompt": "Hi"}, HI),
        ({"prompt": HI}, HI),
        ({"messages": HI, "prompt": "is passed over"}, HI),
        ({"messages": '[{"role": "user", "content": "Hi"}]'}, HI),
        ({"prompt": "[{ is no list"}, [{"role": "user", "content": "[{ is no list"}]),
        ({"prompt": "Hi", "system": "Be kind."}, [{"role": "system", "content": "Be kind."}, *HI]),
    ],
)
def test_a_prompt_may_have_several_shapes(record: Any, messages: Any) -> None:
    assert prompt_of(record).messages == messages


def test_a_prompt_keeps_its_category_and_name() -> None:
    prompt = prompt_of({"prompt": "Hi", "category": "greeting", "id": 7})
    assert (prompt.category, prompt.external_id) == ("greeting", "7")


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "neither a prompt nor messages"),
        ({"text": "Hi"}, "fields here: text"),
        ({"prompt": "   "}, "empty"),
        ({"messages": "no list"}, "not a list in JSON"),
        ({"messages": says("x")}, "ends with the user"),
        ({"prompt": "Hi", "category": "x" * 101}, "more than 100"),
        ({"prompt": "Hi", "category": ["x"]}, "category is not a text"),
        ({"prompt": "Hi", "id": "a\x00"}, "NUL"),
        ({"prompt": [{"role": "system", "content": "a"}, *HI], "system": "b"}, "keep one"),
    ],
)
def test_a_bad_prompt_is_refused(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(LineInvalid, match=reason):
        prompt_of(record)


K_WISE = {"prompt": "Hi", "responses": ["a", "b", "c"], "groups": [[2], [0, 1]]}


def test_a_ranking_by_rank_means_what_its_groups_mean() -> None:
    answers = [("a", 2), ("b", 2.0), ("c", 1)]
    nectar = {"prompt": "Hi", "answers": [{"answer": t, "rank": r} for t, r in answers]}
    by_rank, by_group = only(k_wise.comparisons(nectar)), only(k_wise.comparisons(K_WISE))
    assert ranked_texts(by_rank) == ranked_texts(by_group) == [["c"], ["a", "b"]]
    assert by_rank.key == by_group.key


def test_the_place_of_a_ranked_response_does_not_tell_how_it_did() -> None:
    places = set()
    for number in range(30):
        answers = [{"answer": f"{number} {rank}", "rank": rank} for rank in (1, 2, 3)]
        comparison = only(k_wise.comparisons({"prompt": "Hi", "answers": answers}))
        places.add(comparison.answer["groups"][0][0])
    assert places == {0, 1, 2}


def test_every_annotator_of_a_k_wise_line_has_a_vote_of_their_own() -> None:
    votes = [
        {"annotator": "ab12", "groups": [[0], [1], [2]]},
        {"annotator": "cd34", "groups": [[2, 1], [0]]},
    ]
    record = K_WISE | {"votes": votes, "sources": ["old", "new", "old"], "item": 5}
    first, second = k_wise.comparisons(record)
    assert first.key == second.key != only(k_wise.comparisons(K_WISE)).key
    assert [c.vote.annotator for c in (first, second)] == ["ab12", "cd34"]
    assert ranked_texts(second) == [["b", "c"], ["a"]]
    assert [origin.slug for _, origin in first.responses] == ["old", "new", "old"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"prompt": None}, "prompt is missing"),
        ({"responses": None}, "answers is missing"),
        ({"responses": "abc"}, "list of texts"),
        ({"responses": ["a", ""]}, "Response 1 is empty"),
        ({"responses": [{"text": "a"}, "b"]}, "Response 0 is not a text"),
        ({"groups": None}, "groups is missing"),
        ({"sources": ["one"]}, "one source for each"),
        ({"votes": "abc"}, "votes must be a list"),
        ({"votes": [{"groups": [[0], [1], [2]]}]}, "annotator must be"),
        ({"votes": [{"annotator": "a", "groups": []}], "item": "x"}, "item must be"),
        ({"responses": None, "answers": ["a"]}, "list of objects"),
        ({"responses": None, "answers": [{"answer": "a", "rank": "1"}]}, "a number"),
        ({"responses": None, "answers": [{"answer": "a", "rank": float("nan")}]}, "a number"),
    ],
)
def test_a_bad_k_wise_line_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(LineInvalid, match=reason):
        list(k_wise.comparisons(K_WISE | changes))


@pytest.mark.parametrize(
    ("prompt", "completion", "label"),
    [
        ("Hi", "good", True),
        (HI, says("good"), 1),
        (HI, HI + says("good"), "True"),
        ('[{"role": "user", "content": "Hi"}]', "good", "1"),
    ],
)
def test_every_shape_of_a_labelled_response_means_the_same(
    prompt: Any, completion: Any, label: Any
) -> None:
    record = {"prompt": prompt, "completion": completion, "label": label, "source": "new"}
    comparison = only(trl_unpaired.comparisons(record))
    assert (comparison.messages, comparison.answer) == (HI, {"good": True})
    assert [(text, origin.slug) for text, origin in comparison.responses] == [("good", "new")]


@pytest.mark.parametrize("label", [False, 0, "false", "0"])
def test_a_response_can_be_called_bad(label: Any) -> None:
    record = {"prompt": "Hi", "completion": "bad", "label": label}
    assert only(trl_unpaired.comparisons(record)).answer == {"good": False}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"prompt": "Hi", "completion": "x"}, "label is missing"),
        ({"prompt": "Hi", "completion": "x", "label": "perhaps"}, "true or false"),
        ({"prompt": "Hi", "completion": "x", "label": 2}, "true or false"),
        ({"prompt": "Hi", "completion": " ", "label": True}, "completion is empty"),
        ({"prompt": "Hi", "completion": HI, "label": True}, "one message of the assistant"),
        ({"completion": "x", "label": True}, "prompt is missing"),
    ],
)
def test_a_bad_labelled_response_is_refused(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(LineInvalid, match=reason):
        list(trl_unpaired.comparisons(record))


@pytest.mark.parametrize(
    "record",
    [
        {"messages": HI + says("ideal")},
        {"prompt": "Hi", "completion": "ideal"},
        {"prompt": HI, "completion": says("ideal")},
    ],
)
def test_every_shape_of_a_demonstration_means_the_same(record: dict[str, Any]) -> None:
    comparison = only(sft_messages.comparisons(record))
    assert (comparison.messages, comparison.responses) == (HI, ())
    assert comparison.answer == {"text": "ideal", "edited": None}


def test_two_demonstrations_for_one_prompt_stay_apart() -> None:
    first, second = (
        only(sft_messages.comparisons({"messages": HI + says(text)})) for text in ("one", "two")
    )
    assert first.key != second.key


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({}, "prompt is missing"),
        ({"messages": HI}, "at least one"),
        ({"messages": "Hi"}, "list of messages"),
        ({"messages": {"role": "user"}}, "list of messages"),
        ({"messages": says("a") + says("b")}, "ends with the user"),
        ({"messages": HI + says("  ")}, "empty"),
        ({"messages": [*HI, "reply"]}, "one message of the assistant"),
        ({"prompt": "Hi"}, "completion is missing"),
    ],
)
def test_a_bad_demonstration_is_refused(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(LineInvalid, match=reason):
        list(sft_messages.comparisons(record))
