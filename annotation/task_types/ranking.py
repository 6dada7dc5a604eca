"""K responses, brought into an order; ties are allowed.

Stored: {"groups": [[2], [0, 1], [3]]}, best group first, canonical indices, ascending inside a
group. A ranking is one vote, so each of its C(K, 2) pairs weighs 1 / C(K, 2).

Or {"groups": [], "not_rankable": true, "reason": one of REASONS}, which prefers nothing. The reason
"other" means that the rationale says it; "all_bad" calls every response bad, as "both bad" does.

`task_config` may hold "allow_tie": false, "allow_not_rankable": false, "rationale": "required".
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any

from django import forms

from annotation.measures import DIRECTION, Judged, Measure, directions, neither
from annotation.preferences import Preference
from annotation.task_types.contract import (
    Answer,
    AnswerInvalid,
    BaseAnswerForm,
    BaseSettingsForm,
    Unpaired,
    nothing,
)

LABEL = "Ranking"
EXAMPLE = {"rank_0": "2", "rank_1": "1", "rank_2": "2"}
EXAMPLE_RESPONSES = 3
MIN_RESPONSES = 2
MAX_RESPONSES = 9  # more than that nobody keeps in mind; each has a digit for its key

REASONS: tuple[tuple[str, str], ...] = (
    ("unclear_prompt", "The prompt can’t be understood"),
    ("all_bad", "All of them are bad"),
    ("broken", "Texts are broken or cut off"),
    ("not_comparable", "They can’t be compared"),
    ("other", "Something else"),
)
"""Why responses cannot be ranked, in the order of their keys 1 … 5."""


class SettingsForm(BaseSettingsForm):
    allow_tie = forms.BooleanField(label="Responses can share a rank", required=False, initial=True)
    allow_not_rankable = forms.BooleanField(
        label="“Not rankable” can be chosen", required=False, initial=True
    )


def rank_field(place: int, responses: int) -> forms.IntegerField:
    """1 is best. Not required by itself: `missing_ranks` says what lacks, in words."""
    return forms.IntegerField(
        label=f"Response {letter(place)}", min_value=1, max_value=responses, required=False
    )


def letter(place: int) -> str:
    """What a response is called on the screen."""
    return chr(ord("A") + place)


class AnswerForm(BaseAnswerForm):
    """One rank per displayed response: 1 is best, equal ranks tie, gaps are allowed."""

    not_rankable = forms.BooleanField(required=False)
    reason = forms.ChoiceField(choices=REASONS, required=False)

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
            self.fields[f"rank_{place}"] = rank_field(place, responses)
        ranks = (f"rank_{place}" for place in range(responses))
        self.order_fields([*ranks, "not_rankable", "reason", "rationale"])

    @property
    def rank_fields(self) -> list[forms.BoundField]:
        return [self[f"rank_{place}"] for place in range(self.responses)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        if cleaned["not_rankable"]:
            if not cleaned["reason"] and cleaned["rationale"]:
                cleaned["reason"] = "other"
            if cleaned["reason"] == "other" and not cleaned["rationale"]:
                self.add_error("rationale", "Say in a few words why they cannot be ranked.")
        elif missing := missing_ranks(cleaned, self.responses):
            for name, sentence in missing.items():
                self.add_error(name, sentence)
        if not self.errors:
            try:
                check(to_canonical(cleaned, range(self.responses)), self.responses, self.config)
            except AnswerInvalid as refusal:
                field = refusal.field if refusal.field in self.fields else None
                self.add_error(field, refusal.message)
        return cleaned


def missing_ranks(cleaned: Mapping[str, Any], responses: int) -> dict[str, str]:
    """{field: sentence} for every response that has no rank yet."""
    return {
        f"rank_{place}": f"Response {letter(place)} has no rank yet; 1 is the best."
        for place in range(responses)
        if cleaned[f"rank_{place}"] is None
    }


def groups_of(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> list[list[int]]:
    """The ranks of displayed responses, as groups of canonical indices, best first."""
    ranks = [cleaned[f"rank_{place}"] for place in range(len(display_order))]
    return [
        sorted(display_order[place] for place, rank in enumerate(ranks) if rank == wanted)
        for wanted in sorted(set(ranks))
    ]


def ranks_of(groups: Sequence[Sequence[int]], display_order: Sequence[int]) -> dict[str, int]:
    """The other way round: a rank for each displayed response, without gaps."""
    places = {canonical: place for place, canonical in enumerate(display_order)}
    return {
        f"rank_{places[canonical]}": rank
        for rank, group in enumerate(groups, start=1)
        for canonical in group
    }


def to_canonical(cleaned: Mapping[str, Any], display_order: Sequence[int]) -> Answer:
    if cleaned.get("not_rankable"):
        return {"groups": [], "not_rankable": True, "reason": cleaned["reason"]}
    return {"groups": groups_of(cleaned, display_order)}


def to_display(answer: Answer, display_order: Sequence[int]) -> dict[str, Any]:
    if answer.get("not_rankable"):
        return {"not_rankable": True, "reason": answer["reason"]}
    return dict(ranks_of(answer["groups"], display_order))


def check(answer: Answer, responses: int, config: Mapping[str, Any]) -> Answer:
    not_rankable = answer.get("not_rankable", False)
    if not isinstance(not_rankable, bool):
        raise AnswerInvalid("not_rankable", "not_rankable is true or false.")
    if set(answer) - {"groups", "not_rankable", "reason"}:
        raise AnswerInvalid(
            "groups", "A ranking holds groups, or not_rankable and reason, nothing else."
        )
    reason = answer.get("reason", "")
    if not not_rankable:
        if reason != "":
            raise AnswerInvalid("reason", "Only what is not rankable has a reason.")
        return {"groups": check_groups(answer.get("groups"), responses, config)}
    if not config.get("allow_not_rankable", True):
        raise AnswerInvalid("not_rankable", "In this project every item has to be ranked.")
    if answer.get("groups", []) != []:
        raise AnswerInvalid("groups", "What is not rankable has no groups.")
    if not isinstance(reason, str) or reason not in dict(REASONS):
        raise AnswerInvalid("reason", "Say why they cannot be ranked: choose a reason or write it.")
    return {"groups": [], "not_rankable": True, "reason": reason}


def check_groups(groups: Any, responses: int, config: Mapping[str, Any]) -> list[list[int]]:
    """The groups in their normal form; AnswerInvalid unless each response stands in one."""
    if not isinstance(groups, list):
        raise AnswerInvalid("groups", "A ranking is a list of groups, best first.")
    if not all(isinstance(group, list) and group for group in groups):
        raise AnswerInvalid("groups", "Every group of a ranking is a list of response indices.")
    ranked = [index for group in groups for index in group]
    whole = all(isinstance(index, int) and not isinstance(index, bool) for index in ranked)
    if not whole or sorted(ranked) != list(range(responses)):
        raise AnswerInvalid("groups", f"A ranking names each response 0 … {responses - 1} once.")
    if len(groups) < responses and not config.get("allow_tie", True):
        raise AnswerInvalid("groups", "In this project two responses may not share a rank.")
    return [sorted(group) for group in groups]


def preferences(answer: Answer, responses: int) -> list[Preference]:
    if answer.get("not_rankable"):
        return []
    rank = {index: place for place, group in enumerate(answer["groups"]) for index in group}
    weight = 1 / comb(responses, 2)
    pairs = []
    for a, b in combinations(range(responses), 2):
        p = 0.5 if rank[a] == rank[b] else float(rank[a] < rank[b])
        pairs.append(Preference(a=a, b=b, p=p, strength=float(p != 0.5), weight=weight))
    return pairs


def unpaired(answer: Answer, responses: int) -> list[Unpaired]:
    """All bad: K negatives."""
    if answer.get("reason") != "all_bad":
        return []
    return [Unpaired(response=index, is_good=False) for index in range(responses)]


demonstrations = nothing


def agreement_label(answer: Answer) -> str:
    """2>0=1>3: the whole order. Two who find it not rankable agree, whatever the reason."""
    if answer.get("not_rankable"):
        return "not_rankable"
    return ">".join("=".join(map(str, group)) for group in answer["groups"])


def measures(config: Mapping[str, Any]) -> list[Measure]:
    return [DIRECTION]


def judged(answer: Answer, responses: int) -> list[Judged]:
    """The pairs that the order implies."""
    if answer.get("not_rankable"):
        return neither(responses)
    return directions(preferences(answer, responses))
