"""The same work for both sides: pairs as token ids, in batches, in one order.

Nothing is truncated and no chosen pair is dropped; batches are formed by our own sampler (alike in
length, shuffled), which is also what "grouped by length" gives the rival.
"""

import os
import random
import secrets
from dataclasses import dataclass
from pathlib import Path

import django

from training.engine.data import Group, Pair, batches, end_id, prompt_text, response_ids
from training.engine.modeling import load_tokenizer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(64))
os.environ["DATABASE_URL"] = "sqlite://:memory:"  # nothing here concerns anybody's data
django.setup()

from annotation.imports import files, hh, trl  # noqa: E402
from annotation.imports.files import LineInvalid  # noqa: E402

WORDS = ("the", "cat", "sat", "on", "a", "mat", "while", "rain", "fell", "over", "old", "hills")
Triple = tuple[list[int], list[int], list[int]]  # prompt, chosen, rejected


@dataclass(frozen=True)
class Workload:
    model: str
    batches: list[list[Triple]]

    @property
    def pairs(self) -> int:
        return sum(map(len, self.batches))


def read_pairs(path: Path) -> list[tuple[list[dict[str, str]], str, str]]:
    """(messages, chosen, rejected) of every line that is a comparison, HH or TRL style."""
    pairs = []
    for _, record in files.records(path):
        if isinstance(record, LineInvalid):
            continue
        for format_ in (hh, trl):
            try:
                found = list(format_.comparisons(record))
            except LineInvalid:
                continue
            pairs += [(c.messages, c.responses[0][0], c.responses[1][0]) for c in found]
            break
    return pairs


def generated_pairs(count: int, seed: int) -> list[tuple[list[dict[str, str]], str, str]]:
    """Pairs of made-up words, about as long as those of HH."""
    draw = random.Random(seed)

    def text(mean: float) -> str:
        return " ".join(draw.choice(WORDS) for _ in range(1 + int(draw.expovariate(1 / mean))))

    return [([{"role": "user", "content": text(110)}], text(40), text(50)) for _ in range(count)]


def make_workload(
    model: Path, data: Path | None, pairs: int, batch_size: int, seed: int = 0
) -> Workload:
    tokenizer = load_tokenizer(model)
    end = end_id(tokenizer)
    texts = read_pairs(data) if data else generated_pairs(pairs, seed)
    random.Random(seed).shuffle(texts)
    groups = []
    for number, (messages, chosen, rejected) in enumerate(texts[:pairs]):
        prompt = prompt_text(tokenizer, messages)
        first, second = (
            response_ids(tokenizer, prompt, {"text": t}, end) for t in (chosen, rejected)
        )
        groups.append(Group(number, first[0], [first[1], second[1]], [Pair(0, 1, 1.0)], [0, 1]))
    order = batches(groups, batch_size, seed, epoch=0)
    return Workload(
        str(model),
        [[(g.prompt_ids, g.responses[0], g.responses[1]) for g in batch] for batch in order],
    )
