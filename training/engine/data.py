"""Frozen rows → token ids → batches.

A *group* is one prompt with its K responses and what people said about pairs of them. A *tree
batch* packs groups without padding: first the root, the opening that all its prompts share (a
system prompt, say; often empty), then trees. A tree is the rest of its prompt once, then the
tokens of each response, whose positions go on from the prompt's end:

    ids        R R | P P P A A A B B | Q Q C C D
    positions  0 1 | 2 3 4 5 6 7 5 6 | 2 3 4 5 4

A token sees the root, its prompt and its own response, never a sibling. The token after the last
prompt token is predicted once for every response: `predict` says at which place of `ids` the
model's output is read, `target` which token should follow, `owner` whose response that is.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.engine.numerics import seed_from

BUCKET = 50  # batches that are sorted by length together
SHORTEST_ROOT = 8  # tokens; a shorter opening is not worth a block of its own


class NotTokenisable(ValueError):
    """The checkpoint's tokenizer cannot write a conversation; the message says what to do."""


class Pair(NamedTuple):
    """Response `a` is preferred to `b` (indices within the group) with probability `p`."""

    a: int
    b: int
    p: float
    strength: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True)
class Group:
    group: int
    prompt_ids: list[int]
    responses: list[list[int]]
    """Token ids of each response, with the token that ends it unless it was cut off."""
    preferences: list[Pair]
    response_ids: list[int]
    """The responses' numbers in the project's database."""
    root: str = ""
    """The conversation this group stems from: judgements of one root are not independent."""

    @property
    def length(self) -> int:
        return len(self.prompt_ids) + sum(map(len, self.responses))


class Tree(NamedTuple):
    start: int
    prompt_length: int
    """Without the root; at least 1."""
    response_lengths: tuple[int, ...]


@dataclass
class TreeBatch:
    """N tokens, R responses, M predicted tokens, P pairs, in len(trees) trees."""

    trees: list[Tree]
    ids: Tensor  # (N,)
    position_ids: Tensor  # (N,)
    predict: Tensor  # (M,) index into N
    target: Tensor  # (M,) token id
    owner: Tensor  # (M,) index into R
    last: Tensor  # (R,) index into N of each response's last token
    group: Tensor  # (R,) index into trees
    pairs: Tensor  # (P, 2) indices into R
    p: Tensor  # (P,)
    strength: Tensor  # (P,)
    weight: Tensor  # (P,)
    root: int = 0
    """How many tokens at the start of `ids` belong to every prompt."""

    @property
    def responses(self) -> int:
        return len(self.last)

    def to(self, device: torch.device) -> "TreeBatch":
        tensors: dict[str, Any] = {
            field.name: value.to(device, non_blocking=True)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **tensors)


# --- text → ids ---------------------------------------------------------------------------------


def prompt_text(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> str:
    """The conversation as the model reads it, up to where its own turn begins."""
    if not tokenizer.chat_template:
        raise NotTokenisable(
            "This checkpoint's tokenizer has no chat template, so conversations cannot be written "
            "for it. Register a checkpoint with one (instruction-tuned models have it)."
        )
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return str(text)


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> list[int]:
    text = prompt_text(tokenizer, messages)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def end_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that ends a response: what the chat template writes there, if it is special.

    For most models that is the tokenizer's EOS; some name another token as EOS than the one that
    ends a turn, and a model trained on that one would never stop.
    """
    probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    if tokenizer.chat_template:
        written = str(tokenizer.apply_chat_template(probe, tokenize=False))
        opened = prompt_text(tokenizer, probe[:1]) + "b"
        if written.startswith(opened):
            rest = tokenizer(written[len(opened) :], add_special_tokens=False)["input_ids"]
            if rest and rest[0] in special_ids(tokenizer):
                return int(rest[0])
    if tokenizer.eos_token_id is None:
        raise NotTokenisable("This checkpoint's tokenizer has no token that ends a response.")
    return int(tokenizer.eos_token_id)


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | set(tokenizer.all_special_ids)


def response_ids(
    tokenizer: PreTrainedTokenizerBase, prompt: str, response: dict[str, Any], end: int
) -> tuple[list[int], list[int]]:
    """Ids of the prompt and of the response after it, which ends with `end` at most once.

    Prompt and response are tokenised together, as the model will meet them, and split where the
    ids of the prompt alone stop agreeing. A response that was sampled keeps the ids it was sampled
    as (its text need not give the same ones again), if this tokenizer reads them as its text. One
    that was cut off while it was written gets no ending, which nobody wrote.
    """
    alone: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    sampled: list[int] = response.get("token_ids") or []
    if sampled and tokenizer.decode(sampled, skip_special_tokens=True) == response["text"]:
        both, shared = alone + sampled, len(alone)
    else:
        both = tokenizer(prompt + response["text"], add_special_tokens=False)["input_ids"]
        shared = 0
        while shared < min(len(alone), len(both)) and alone[shared] == both[shared]:
            shared += 1
    ids = both[shared:]
    if end in ids:
        ids = ids[: ids.index(end) + 1]
    elif not response.get("is_truncated") or not ids:
        ids = [*ids, end]
    return both[:shared], ids


def tokenise(
    rows: Iterable[dict[str, Any]], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> tuple[list[Group], dict[str, int]]:
    """Groups of the rows, and how many responses and groups were left out and why.

    A response that does not fit into `max_length` together with its prompt is left out, not cut: a
    cut one would teach an ending that nobody wrote. Responses about which nothing was said are
    left out silently, groups in which no preference remains are counted as "unpaired".
    """
    dropped: Counter[str] = Counter()
    groups: list[Group] = []
    end = end_id(tokenizer)
    for row in rows:
        prompt = prompt_text(tokenizer, row["messages"])
        judged = {i for pair in row["preferences"] for i in (pair["a"], pair["b"])}
        encoded: dict[int, tuple[list[int], list[int]]] = {}
        for index in sorted(judged):
            both = response_ids(tokenizer, prompt, row["responses"][index], end)
            if len(both[0]) + len(both[1]) > max_length:
                dropped["too_long"] += 1
            else:
                encoded[index] = both
        group = build_group(row, encoded)
        if group.preferences:
            groups.append(group)
        else:
            dropped["unpaired"] += 1
    return groups, dict(dropped)


def build_group(row: dict[str, Any], encoded: dict[int, tuple[list[int], list[int]]]) -> Group:
    # Where a tokenizer merges across the border, the responses may agree with the prompt to
    # different lengths: the prompt of the tree is what all of them share.
    shared = min((len(prompt) for prompt, _ in encoded.values()), default=0)
    pairs = [Pair(**pair) for pair in row["preferences"]]
    pairs = [pair for pair in pairs if pair.a in encoded and pair.b in encoded]
    kept = sorted({i for pair in pairs for i in (pair.a, pair.b)})
    place = {index: new for new, index in enumerate(kept)}
    return Group(
        group=row["group"],
        prompt_ids=next(iter(encoded.values()))[0][:shared] if encoded else [],
        responses=[encoded[i][0][shared:] + encoded[i][1] for i in kept],
        preferences=[pair._replace(a=place[pair.a], b=place[pair.b]) for pair in pairs],
        response_ids=[row["responses"][i]["id"] for i in kept],
        root=str(row.get("root", row["group"])),
    )


def without_ties(groups: Sequence[Group]) -> list[Group]:
    """The groups with pairs of p = ½ left out, and without groups that had no other."""
    decided = [
        replace(group, preferences=[pair for pair in group.preferences if pair.p != 0.5])
        for group in groups
    ]
    return [group for group in decided if group.preferences]


# --- ids → batches ------------------------------------------------------------------------------


def batches(groups: Sequence[Group], batch_size: int, seed: int, epoch: int) -> list[list[Group]]:
    """The batches of one epoch: a pure function of its arguments.

    Shuffled, then sorted by length within buckets of `BUCKET` batches (like lengths waste less),
    then the batches are shuffled again, so that no step of the run sees only long ones.
    """
    order = random.Random(seed_from("order", seed, epoch))  # noqa: S311 (no secret)
    shuffled = list(groups)
    order.shuffle(shuffled)
    result: list[list[Group]] = []
    for start in range(0, len(shuffled), BUCKET * batch_size):
        bucket = sorted(shuffled[start : start + BUCKET * batch_size], key=lambda g: -g.length)
        result += [bucket[i : i + batch_size] for i in range(0, len(bucket), batch_size)]
    order.shuffle(result)
    return result


def in_order(groups: Sequence[Group], batch_size: int) -> list[list[Group]]:
    """Batches for evaluation: by length, longest first."""
    by_length = sorted(groups, key=lambda g: -g.length)
    return [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]


def shared_opening(prompts: Sequence[list[int]]) -> int:
    """How many tokens all prompts begin with, leaving each at least one; 0 for a single prompt."""
    if len(prompts) < 2:
        return 0
    least, most = min(prompts), max(prompts)  # what these two share, all share
    shared = 0
    while shared < len(least) and least[shared] == most[shared]:
        shared += 1
    shared = min(shared, min(map(len, prompts)) - 1)
    return shared if shared >= SHORTEST_ROOT else 0


def collate(groups: Sequence[Group]) -> TreeBatch:
    """Pack groups into one tree batch, in the order given."""
    root = shared_opening([group.prompt_ids for group in groups])
    trees: list[Tree] = []
    ids: list[int] = groups[0].prompt_ids[:root] if groups else []
    positions: list[int] = list(range(root))
    predict: list[int] = []
    target: list[int] = []
    owner: list[int] = []
    last: list[int] = []
    group_of: list[int] = []
    pairs: list[tuple[int, int]] = []
    judged: list[Pair] = []
    for tree, group in enumerate(groups):
        start, length, first = len(ids), len(group.prompt_ids) - root, len(last)
        whole = len(group.prompt_ids)
        ids += group.prompt_ids[root:]
        positions += range(root, whole)
        for response in group.responses:
            here = len(ids)
            predict += [start + length - 1, *range(here, here + len(response) - 1)]
            target += response
            owner += [len(last)] * len(response)
            ids += response
            positions += range(whole, whole + len(response))
            last.append(len(ids) - 1)
            group_of.append(tree)
        trees.append(Tree(start, length, tuple(map(len, group.responses))))
        pairs += [(first + pair.a, first + pair.b) for pair in group.preferences]
        judged += group.preferences
    return TreeBatch(
        trees=trees,
        ids=torch.tensor(ids),
        position_ids=torch.tensor(positions),
        predict=torch.tensor(predict),
        target=torch.tensor(target),
        owner=torch.tensor(owner),
        last=torch.tensor(last),
        group=torch.tensor(group_of),
        pairs=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2),
        p=torch.tensor([pair.p for pair in judged], dtype=torch.float32),
        strength=torch.tensor([pair.strength for pair in judged], dtype=torch.float32),
        weight=torch.tensor([pair.weight for pair in judged], dtype=torch.float32),
        root=root,
    )
