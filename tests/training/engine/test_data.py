import pytest
import torch

from tests.training.engine.runs import make_row, prefer, random_rows
from tests.training.engine.tiny import make_tiny_tokenizer
from training.engine.data import (
    Group,
    NotTokenisable,
    Pair,
    batches,
    collate,
    end_id,
    prompt_ids,
    tokenise,
    without_ties,
)

TOKENIZER = make_tiny_tokenizer()
END = TOKENIZER.eos_token_id


def test_a_response_ends_with_one_end_token_and_reads_back() -> None:
    row = make_row(1, ["yes, really", "no<|im_end|>"], [prefer(0, 1)], "Is it?")
    (group,), dropped = tokenise([row], TOKENIZER, 200)
    assert dropped == {}
    assert [ids.count(END) for ids in group.responses] == [1, 1]
    assert [ids[-1] for ids in group.responses] == [END, END]
    assert [TOKENIZER.decode(ids[:-1]) for ids in group.responses] == ["yes, really", "no"]
    assert group.prompt_ids == prompt_ids(TOKENIZER, row["messages"])
    assert TOKENIZER.decode(group.prompt_ids).endswith("<|im_start|>assistant\n")


def test_nothing_after_the_end_token_is_trained() -> None:
    row = make_row(1, ["stop<|im_end|>and more", "no"], [prefer(0, 1)])
    (group,), _ = tokenise([row], TOKENIZER, 200)
    assert TOKENIZER.decode(group.responses[0]) == "stop<|im_end|>"


def test_the_end_token_is_what_the_chat_template_writes() -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.eos_token = "<|endoftext|>"  # as some models name it, although turns end otherwise
    assert end_id(tokenizer) == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_a_tokenizer_without_a_chat_template_is_refused_in_words() -> None:
    tokenizer = make_tiny_tokenizer()
    tokenizer.chat_template = None
    with pytest.raises(NotTokenisable, match="no chat template"):
        tokenise([make_row(1, ["a", "b"], [prefer(0, 1)])], tokenizer, 100)


def test_long_responses_are_left_out_and_counted_never_cut() -> None:
    short, long = "ok", "word " * 100
    rows = [
        make_row(1, [short, long, "fine"], [prefer(0, 1), prefer(0, 2)]),
        make_row(2, [long, long + "x"], [prefer(0, 1)]),
    ]
    groups, dropped = tokenise(rows, TOKENIZER, 80)
    assert dropped == {"too_long": 3, "unpaired": 1}
    assert [group.group for group in groups] == [1]
    assert groups[0].response_ids == [10, 12]
    assert groups[0].preferences == [Pair(0, 1, 1.0, 1.0, 1.0)]


def test_responses_nobody_compared_are_not_computed() -> None:
    row = make_row(1, ["a", "b", "c", "d"], [prefer(3, 1, p=0.25)])
    (group,), dropped = tokenise([row], TOKENIZER, 100)
    assert group.response_ids == [11, 13]
    assert group.preferences == [Pair(1, 0, 0.25, 1.0, 1.0)]
    assert dropped == {}


def test_ties_can_be_left_out() -> None:
    rows = [
        make_row(1, ["a", "b", "c"], [prefer(0, 1, p=0.5), prefer(1, 2)]),
        make_row(2, ["a", "b"], [prefer(0, 1, p=0.5)]),
    ]
    groups, _ = tokenise(rows, TOKENIZER, 100)
    (kept,) = without_ties(groups)
    assert kept.group == 1
    assert [pair.p for pair in kept.preferences] == [1.0]


def make_group(number: int, length: int) -> Group:
    return Group(number, list(range(5, 5 + length)), [[1, 2], [3, 2]], [Pair(0, 1, 1.0)], [0, 1])


def test_an_epoch_has_every_group_once_in_an_order_of_seed_and_epoch_alone() -> None:
    groups = [make_group(number, 1 + number % 17) for number in range(203)]
    epoch = batches(groups, 4, seed=3, epoch=0)
    seen = [group.group for batch in epoch for group in batch]
    assert sorted(seen) == list(range(203))
    assert len(epoch) == 51
    assert [[g.group for g in b] for b in batches(groups, 4, 3, 0)] == [
        [g.group for g in b] for b in epoch
    ]
    for other in (batches(groups, 4, seed=3, epoch=1), batches(groups, 4, seed=4, epoch=0)):
        assert [g.group for b in other for g in b] != seen


def test_batches_hold_like_lengths() -> None:
    groups = [make_group(number, 1 + (number * 7) % 100) for number in range(200)]
    spread = [
        max(g.length for g in batch) - min(g.length for g in batch)
        for batch in batches(groups, 4, seed=0, epoch=0)
    ]
    assert max(spread) <= 4  # at random it would be about 60


def test_the_layout_of_a_batch_by_hand() -> None:
    first = Group(1, [10, 11], [[20, 21, 2], [30, 2]], [Pair(0, 1, 1.0, 2.0, 1.0)], [0, 1])
    second = Group(2, [12, 13, 14], [[40, 2], [50, 2]], [Pair(1, 0, 0.5, 0.0, 0.5)], [2, 3])
    batch = collate([first, second])
    assert batch.ids.tolist() == [10, 11, 20, 21, 2, 30, 2, 12, 13, 14, 40, 2, 50, 2]
    assert batch.position_ids.tolist() == [0, 1, 2, 3, 4, 2, 3, 0, 1, 2, 3, 4, 3, 4]
    assert batch.predict.tolist() == [1, 2, 3, 1, 5, 9, 10, 9, 12]
    assert batch.target.tolist() == [20, 21, 2, 30, 2, 40, 2, 50, 2]
    assert batch.owner.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert batch.last.tolist() == [4, 6, 11, 13]
    assert batch.group.tolist() == [0, 0, 1, 1]
    assert batch.pairs.tolist() == [[0, 1], [3, 2]]
    assert batch.p.tolist() == [1.0, 0.5]
    assert batch.strength.tolist() == [2.0, 0.0]
    assert batch.weight.tolist() == [1.0, 0.5]


def test_every_predicted_token_follows_the_place_it_is_read_at() -> None:
    groups, _ = tokenise(random_rows(7, responses=3), TOKENIZER, 200)
    batch = collate(groups)
    position_of_target = batch.position_ids[batch.predict] + 1
    for response in range(batch.responses):
        mine = batch.owner == response
        length = int(mine.sum())
        last = int(batch.last[response])
        own = batch.ids[last - length + 1 : last + 1]
        assert batch.target[mine].tolist() == own.tolist()
        assert (
            position_of_target[mine].tolist()
            == batch.position_ids[last - length + 1 : last + 1].tolist()
        )


def test_moving_a_batch_moves_every_tensor() -> None:
    groups, _ = tokenise(random_rows(2), TOKENIZER, 200)
    batch = collate(groups).to(torch.device("meta"))
    devices = {v.device.type for v in vars(batch).values() if isinstance(v, torch.Tensor)}
    assert devices == {"meta"}
    assert len(batch.trees) == 2


def test_a_group_remembers_its_conversation() -> None:
    row = make_row(4, ["a", "b"], [prefer(0, 1)], root="conversation")
    (group,), _ = tokenise([row], TOKENIZER, 100)
    assert group.root == "conversation"


def test_a_sampled_response_keeps_the_ids_it_was_sampled_as() -> None:
    letters = [TOKENIZER.convert_tokens_to_ids(letter) for letter in "user"]
    assert TOKENIZER("user")["input_ids"] != letters  # what tokenising the text would give
    row = make_row(1, ["user", "no"], [prefer(0, 1)])
    row["responses"][0]["token_ids"] = [*letters, END]
    (group,), _ = tokenise([row], TOKENIZER, 100)
    assert group.responses[0] == [*letters, END]
    assert group.prompt_ids == prompt_ids(TOKENIZER, row["messages"])

    row["responses"][0]["token_ids"] = [letters[0], END]  # another tokenizer's: not this text
    (group,), _ = tokenise([row], TOKENIZER, 100)
    assert TOKENIZER.decode(group.responses[0]) == "user<|im_end|>"


def test_a_response_that_was_cut_off_gets_no_ending() -> None:
    row = make_row(1, ["this goes on and", "no"], [prefer(0, 1)])
    row["responses"][0]["is_truncated"] = True
    (group,), _ = tokenise([row], TOKENIZER, 100)
    assert TOKENIZER.decode(group.responses[0]) == "this goes on and"
    assert END not in group.responses[0]
    assert group.responses[1][-1] == END
