"""K responses, brought into an order; ties are allowed.

Stored: {"groups": [[2], [0, 1], [3]]}, best group first, canonical indices, ascending inside a
group. A ranking is one vote, so each of its C(K, 2) pairs weighs 1 / C(K, 2).

`task_config` may hold "allow_tie": false, "rationale": "required".
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any

from django import forms

from annotation.preferences import Preference
from annotation.task_types.contract import Answer, AnswerInvalid, BaseAnswerForm

LABEL = "Ranking"
EXAMPLE = {"rank_0": "2", "rank_1": "1", "rank_2": "2"}
EXAMPLE_RESPONSES = 3
MIN_RESPONSES = 2
MAX_RESPONSES = 26  # the letters A … Z


class AnswerForm(BaseAnswerForm):
    """One rank per displayed response: 1 is best, equal ranks tie, gaps are allowed."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        responses: int = EXAMPLE_RESPONSES,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, config=config, responses=responses, initial=initial)
        for place in range(responses):
            self.fields[f"rank_{place}"] = forms.IntegerField(
                label=f"Response {chr(ord('A') + place)}",
                min_value=1,
                max_value=responses,
                error_messages={"required": "Give every response a rank; 1 is the best."},
            )
        self.order_fields([*(f"rank_{place}" for place in range(responses)), "rationale"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        ranks = [cleaned.get(f"rank_{place}") for place in range(self.responses)]
        if None not in ranks:
            try:
                check({"groups": _groups(ranks)}, self.responses, self.config)
            except AnswerInvalid as refusal:
                self.add_error(None, refusal.message)
        return cleaned


def _groups(ranks: Sequence[int | None]) -> list[list[int]]:
    """[2, 1, 2] → [[1], [0, 2]]."""
    return [
        [index for index, rank in enumerate(ranks) if rank == wanted]
        for wanted in sorted({rank for rank in ranks if rank is not None})
    ]


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    shown = _groups([cleaned[f"rank_{place}"] for place in range(len(display_order))])
    return {"groups": [sorted(display_order[place] for place in group) for group in shown]}


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    places = {canonical: place for place, canonical in enumerate(display_order)}
    return {
        f"rank_{places[canonical]}": rank
        for rank, group in enumerate(answer["groups"], start=1)
        for canonical in group
    }


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    groups = answer.get("groups")
    if set(answer) != {"groups"} or not isinstance(groups, list):
        raise AnswerInvalid("groups", "A ranking is a list of groups, best first.")
    if not all(isinstance(group, list) and group for group in groups):
        raise AnswerInvalid("groups", "Every group of a ranking is a list of response indices.")
    ranked = [index for group in groups for index in group]
    whole = all(isinstance(index, int) and not isinstance(index, bool) for index in ranked)
    if not whole or sorted(ranked) != list(range(responses)):
        raise AnswerInvalid("groups", f"A ranking names each response 0 … {responses - 1} once.")
    if len(groups) < responses and not config.get("allow_tie", True):
        raise AnswerInvalid("groups", "In this project two responses may not share a rank.")
    return {"groups": [sorted(group) for group in groups]}


def preferences(answer: Answer, responses: int) -> list[Preference]:
    rank = {index: place for place, group in enumerate(answer["groups"]) for index in group}
    weight = 1 / comb(responses, 2)
    pairs = []
    for a, b in combinations(range(responses), 2):
        p = 0.5 if rank[a] == rank[b] else float(rank[a] < rank[b])
        pairs.append(Preference(a=a, b=b, p=p, strength=float(p != 0.5), weight=weight))
    return pairs


def agreement_label(answer: Answer) -> str:
    """2>0=1>3: the whole order."""
    return ">".join("=".join(map(str, group)) for group in answer["groups"])
