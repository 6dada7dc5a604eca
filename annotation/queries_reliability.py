"""How reliable everybody in a project is, and which patterns their answers show.

Of a million answers this takes seconds. So it is kept in the process until somebody answers or gold
changes, and for ten minutes at most: what a manager decides on the page is seen at once.
"""

from dataclasses import dataclass

import numpy as np
from django.core.cache import caches
from django.db.models import Count, Max

from annotation.aggregation import crowd_bt
from annotation.aggregation.gold import GoldAgreement
from annotation.agreement.people import WithTheRest, person_sums, with_the_rest
from annotation.bias.shares import holm
from annotation.models import Annotation, Gold, Project
from annotation.queries_votes import Material, material
from annotation.suspicion import (
    always_longer,
    change,
    copied_texts,
    fixed_place,
    random_answers,
    rings,
    too_fast,
)
from annotation.suspicion.crowd import Crowd, Ints, crowd
from annotation.suspicion.finding import Finding

KEPT_SECONDS = 600
MOST_VOTES = 50_000  # that Crowd-BT learns from: more would take seconds
MOST_REASONS = 20_000  # the newest ones
WEEK, MONDAY = 7 * 86_400, 4 * 86_400  # the first Monday after 1970-01-01


@dataclass(frozen=True)
class Reliability:
    """η of Crowd-BT, of `votes` votes."""

    eta: float
    interval: tuple[float, float]
    votes: int


@dataclass(frozen=True)
class Week:
    """Of `n` votes in a week, on how many somebody says what gold or the others say."""

    number: int
    agreed: int
    n: int


@dataclass(frozen=True)
class Person:
    """The figures of one person; of each finding, its p corrected by Holm for all of them."""

    pk: int
    answers: int
    reliability: Reliability | None
    gold: GoldAgreement
    rest: WithTheRest | None
    weeks: list[Week]
    findings: list[tuple[Finding, float]]


@dataclass(frozen=True)
class Figures:
    """Everybody who has answered anything that counts; `Finding.beside` are places in `people`.
    An honest person is right `typical` ± `spread` of the time; None where nobody prefers one."""

    people: list[Person]
    answers: int
    typical: float | None
    spread: float
    looked_at: int  # people × patterns
    votes: int
    sampled: int  # of the votes, those that Crowd-BT learned from


def figures_of(project: Project) -> Figures:
    """The figures as they are kept, or anew."""
    key, stamp = f"reliability:{project.pk}", _stamp(project)
    kept: tuple[object, Figures] | None = caches["process"].get(key)
    if kept is not None and kept[0] == stamp:
        return kept[1]
    found = _figures(project, material(project))
    caches["process"].set(key, (stamp, found), KEPT_SECONDS)
    return found


def _stamp(project: Project) -> tuple[object, ...]:
    newest = Annotation.objects.aggregate(newest=Max("pk"))["newest"]
    gold = Gold.objects.filter(item__project=project)
    return newest, *sorted(gold.aggregate(n=Count("pk"), retired=Count("retired")).items())


def _figures(project: Project, found: Material) -> Figures:
    learned = crowd(found.votes) if len(found.votes) else None
    findings = _findings(project, found, learned)
    of_person: dict[int, list[tuple[Finding, float]]] = {}
    for each, p in zip(findings, holm([each.p for each in findings]), strict=True):
        of_person.setdefault(each.person, []).append((each, p))
    rest = with_the_rest(person_sums(found.said)) if len(found.said) else {}
    reliability, sampled = _reliability(found)
    weeks = _weeks(found, learned)
    answers = np.bincount(found.who, minlength=len(found.people)).tolist()
    return Figures(
        people=[
            Person(
                pk=pk,
                answers=answers[k],
                reliability=reliability.get(k),
                gold=found.gold.get(k, GoldAgreement(0, 0)),
                rest=rest.get(pk),
                weeks=weeks.get(k, []),
                findings=of_person.get(k, []),
            )
            for k, pk in enumerate(found.people.tolist())
        ],
        answers=len(found.table),
        typical=learned.typical if learned else None,
        spread=learned.spread if learned else 0.0,
        looked_at=len(findings),
        votes=len(found.votes),
        sampled=sampled,
    )


def _findings(project: Project, found: Material, learned: Crowd | None) -> list[Finding]:
    people, who = len(found.people), found.who[found.row]
    seconds = np.maximum(found.table.spent, 0) / 1000  # UNKNOWN is below 0
    listed = [
        *fixed_place.findings(who, found.button, people),
        *too_fast.findings(found.who, found.words, seconds, people),
        *copied_texts.findings(_reasons(project, found.people)),
    ]
    if learned is not None:
        listed += random_answers.findings(found.votes, learned)
        listed += always_longer.findings(found.votes, learned, found.first_longer, found.differ)
        listed += change.findings(found.votes, learned, found.when)
        listed += rings.findings(found.votes, learned)
    return listed


def _reasons(project: Project, people: Ints) -> list[tuple[int, str]]:
    places = {pk: k for k, pk in enumerate(people.tolist())}
    rows = Annotation.objects.filter(
        assignment__item__project=project, assignment__status="answered", kind="answer"
    )
    newest = rows.exclude(rationale="").order_by("-pk")
    said: dict[int, tuple[int, str]] = {}
    for turn, pk, text in newest.values_list("assignment", "assignment__annotator", "rationale")[
        :MOST_REASONS
    ]:
        if pk in places:
            said.setdefault(turn, (places[pk], text))
    return list(said.values())


def _reliability(found: Material) -> tuple[dict[int, Reliability], int]:
    """η of each person, and of how many votes: where there are very many, of whole pairs drawn
    evenly from all."""
    votes = found.votes
    if not len(votes):
        return {}, 0
    every = -(-len(votes) // MOST_VOTES)
    kept = votes.unit % every == 0
    units, pair = np.unique(votes.unit[kept], return_inverse=True)
    people, who = np.unique(votes.person[kept], return_inverse=True)
    first, second, wins = 2 * pair, 2 * pair + 1, votes.first[kept].astype(np.float64)
    fitted = crowd_bt.fit(
        first,
        second,
        wins,
        who,
        responses=2 * len(units),
        people=len(people),
    )
    intervals = crowd_bt.reliability_intervals(fitted, first, second, wins, who)
    n = np.bincount(who)
    return {
        int(people[k]): Reliability(
            float(fitted.reliability[k]), (float(low), float(high)), int(n[k])
        )
        for k, (low, high) in enumerate(intervals)
    }, int(kept.sum())


def _weeks(found: Material, learned: Crowd | None) -> dict[int, list[Week]]:
    """Of each person, the weeks in which they voted."""
    if learned is None:
        return {}
    agrees = found.votes.first == (learned.belief > 0.5)
    numbers, week = np.unique((found.when - MONDAY) // WEEK, return_inverse=True)
    size = len(found.people) * len(numbers)
    cells = found.votes.person * len(numbers) + week
    n, agreed = np.bincount(cells, minlength=size), np.bincount(cells, agrees, minlength=size)
    weeks: dict[int, list[Week]] = {}
    for cell in np.flatnonzero(n).tolist():
        k, at = divmod(cell, len(numbers))
        weeks.setdefault(k, []).append(Week(int(numbers[at]), int(agreed[cell]), int(n[cell])))
    return weeks
