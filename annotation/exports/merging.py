"""What several answers to one item become together, as a dataset's `labels` says.

votes        every vote, weighed by whose it is: p is their weighted mean
majority     the same, each pair given to its (weighted) majority
verdict      the reviewers' newest verdict, where it is an answer; from an item that it retired
             nothing; else the votes
dawid_skene  how likely each label is by what is known of the voters' reliability
crowd_bt     the same, by the strengths of the responses too (`aggregation.soft_labels`)

Whose answers are trusted less count less (`weights`); only a weight of 0 leaves them out. A model's
label stands for the truth of its pair and not for votes, so a pair that many answered weighs no
more than one that few did: how sure it is, its p says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from django.utils.dateparse import parse_datetime

from annotation.aggregation.soft_labels import EQUAL, FIRST, MODELS, SECOND, PairVotes
from annotation.aggregation.votes import majority_of, merge_votes
from annotation.answer_table import AnswerTable, answer_table
from annotation.arrays import Ints
from annotation.comparisons import Floats, comparisons, pair_key
from annotation.distinct import distinct
from annotation.models import Project
from annotation.preferences import Preference
from annotation.pseudonyms import pseudonym
from annotation.services.weights import weights_of


@dataclass(frozen=True)
class Modelled:
    """What a model says of each pair of each item, and of each person."""

    key: Ints
    p: Floats
    strength: Floats
    reliability: dict[int, float]

    def label(self, item: int, preference: Preference) -> Preference | None:
        """The preference with the model's p and strength; None for a pair it knows nothing of."""
        key = pair_key(item, preference.a, preference.b)
        at = int(np.searchsorted(self.key, key))
        if at == len(self.key) or self.key[at] != key:
            return None
        return replace(preference, p=float(self.p[at]), strength=float(self.strength[at]))


@dataclass(frozen=True)
class Merging:
    """How the answers of a dataset's items are merged; `weights` by the annotator's number."""

    labels: str = "votes"
    weights: Mapping[int, float] = field(default_factory=dict)
    modelled: Modelled | None = None

    def weight(self, annotator: int) -> float:
        """How much each vote of this person counts."""
        return self.weights.get(annotator, 1.0)

    def merge(
        self, item: int, answers: Sequence[tuple[int, Sequence[Preference]]]
    ) -> list[Preference]:
        """One preference a pair out of (annotator, what they prefer) of each answer."""
        merged = merge_votes(
            replace(each, weight=each.weight * self.weight(annotator))
            for annotator, preferences in answers
            for each in preferences
        )
        if self.modelled:
            shares = {each.oriented()[0]: each.weight for _, said in answers for each in said}
            found = [(self.modelled.label(item, each), shares[each.a, each.b]) for each in merged]
            return [replace(each, weight=share) for each, share in found if each]
        return majority_of(merged) if self.labels == "majority" else merged

    def facts(self, project: Project) -> dict[str, Any]:
        """For a manifest: the labels, and each person's weight and reliability where they matter,
        under the names that outsiders may see."""
        people = {pk: {"weight": weight} for pk, weight in self.weights.items()}
        if self.modelled:
            for pk, reliability in self.modelled.reliability.items():
                people.setdefault(pk, {"weight": 1.0})["reliability"] = round(reliability, 4)
        named = {pseudonym(project, pk): facts for pk, facts in people.items()}
        return {"labels": self.labels, "annotators": dict(sorted(named.items()))}


def merging_of(project: Project, filters: Mapping[str, Any]) -> Merging:
    """How the project's answers are merged under these filters, as `clean_filters` gives them.

    A model learns how reliable people are from all their answers that the filters for answers
    leave, whichever items go into the dataset.
    """
    labels = filters.get("labels", "votes")
    weights = weights_of(project)
    if labels not in MODELS:
        return Merging(labels, weights)
    table = _chosen(project, answer_table(project), filters)
    said = comparisons(project, table)
    if not len(said):
        return Merging(labels, weights)
    people, voter = distinct(table.annotator[said.row])
    responses = distinct(np.concatenate([said.first, said.second]))[1]
    first, second = np.split(responses, 2)
    of_person = np.array([weights.get(each, 1.0) for each in people.tolist()])
    votes = PairVotes(
        pair=said.pair,
        voter=voter,
        label=np.select([said.said > 0.5, said.said < 0.5], [FIRST, SECOND], EQUAL),
        weight=of_person[voter],
        first=first,
        second=second,
    )
    found = MODELS[labels](votes)
    reliability = dict(zip(people.tolist(), found.reliability.tolist(), strict=True))
    return Merging(labels, weights, Modelled(said.key, found.p, found.strength, reliability))


def _chosen(project: Project, table: AnswerTable, filters: Mapping[str, Any]) -> AnswerTable:
    """The table with the answers alone that the filters for answers leave."""
    kept = np.ones(len(table), dtype=np.bool_)
    if "since" in filters and (since := parse_datetime(filters["since"])):
        kept &= table.created >= int(since.timestamp())  # seconds are what the table knows
    if "annotators" in filters:
        names = filters["annotators"]
        chosen = [
            pk for pk in np.unique(table.annotator).tolist() if pseudonym(project, pk) in names
        ]
        kept &= np.isin(table.annotator, chosen)
    if "guidelines" in filters:
        versions = dict(project.guidelines.values_list("version", "pk")) | {0: 0}
        chosen = [versions[number] for number in filters["guidelines"] if number in versions]
        kept &= np.isin(table.guideline, chosen)
    return table.where(kept)
