"""What the annotators page shows: how reliable everybody is, what looks suspicious, and why."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User

from annotation.aggregation import crowd_bt
from annotation.aggregation.gold import GoldAgreement
from annotation.agreement.units import WithTheRest, with_the_rest
from annotation.bias.position import holm
from annotation.csv_text import Row, written
from annotation.models import Annotation, Membership, Pause, Project
from annotation.queries_votes import Material, material
from annotation.services.weights import weights_of
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

SURE = 0.01  # of the p that knows how many people and patterns were looked at
MOST_VOTES = 50_000  # that Crowd-BT learns from: more would take seconds
MOST_REASONS = 20_000  # the newest ones
WEEK, MONDAY = 7 * 86_400, 4 * 86_400  # the first Monday after 1970-01-01


@dataclass(frozen=True)
class Suspicion:
    """A pattern that was looked for in somebody's answers; `corrected` is its p by Holm over all
    people and patterns, `beside` the names of those whom the sentence is about."""

    label: str
    sentence: str
    p: float
    corrected: float
    is_shown: bool
    beside: tuple[str, ...]

    @property
    def is_sure(self) -> bool:
        return self.corrected < SURE


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
class AnnotatorLine:
    pk: int
    name: str
    role: str  # empty for who is no member any more
    answers: int
    reliability: Reliability | None
    gold: GoldAgreement
    rest: WithTheRest | None
    weeks: list[Week]
    suspicions: list[Suspicion]  # all that were looked at, the likeliest first
    weight: float
    is_paused: bool

    @property
    def shown(self) -> list[Suspicion]:
        return [each for each in self.suspicions if each.is_shown]

    @property
    def unshown(self) -> list[Suspicion]:
        return [each for each in self.suspicions if not each.is_shown]


@dataclass(frozen=True)
class AnnotatorsPage:
    """Who gives a manager most to look at stands first."""

    lines: list[AnnotatorLine]
    answers: int
    typical: float | None  # accuracy of an honest person here
    spread: float
    looked_at: int  # people × patterns
    votes: int
    sampled: int  # of the votes, those that Crowd-BT learned from

    @property
    def suspicious(self) -> int:
        return sum(bool(line.shown) for line in self.lines)


def annotators_page(project: Project) -> AnnotatorsPage:
    """Everybody who has answered anything that counts."""
    return page_of(project, material(project))


def page_of(project: Project, found: Material) -> AnnotatorsPage:
    """The page of answers that are at hand."""
    learned = crowd(found.votes) if len(found.votes) else None
    findings = _findings(project, found, learned)
    corrected = holm([each.p for each in findings])
    names = _names(found.people)
    suspicions: dict[int, list[Suspicion]] = {}
    for each, p in zip(findings, corrected, strict=True):
        suspicions.setdefault(each.person, []).append(
            Suspicion(
                each.label,
                each.sentence,
                each.p,
                p,
                each.is_shown,
                tuple(names[k] for k in each.beside),
            )
        )
    roles = dict(project.memberships.values_list("user", "role"))
    weights, paused = weights_of(project), _paused(project)
    rest = with_the_rest(found.said) if len(found.said) else {}
    reliability, sampled = _reliability(found)
    weeks = _weeks(found, learned)
    answers = np.bincount(found.who, minlength=len(found.people)).tolist()
    lines = [
        AnnotatorLine(
            pk=pk,
            name=names[k],
            role=str(Membership.Role(roles[pk]).label) if pk in roles else "",
            answers=answers[k],
            reliability=reliability.get(k),
            gold=found.gold.get(k, GoldAgreement(0, 0)),
            rest=rest.get(pk),
            weeks=weeks.get(k, []),
            suspicions=sorted(suspicions.get(k, []), key=lambda each: (not each.is_shown, each.p)),
            weight=weights.get(pk, 1.0),
            is_paused=pk in paused,
        )
        for k, pk in enumerate(found.people.tolist())
    ]
    return AnnotatorsPage(
        lines=sorted(lines, key=_most_to_look_at),
        answers=len(found.table),
        typical=learned.typical if learned else None,
        spread=learned.spread if learned else 0.0,
        looked_at=len(findings),
        votes=len(found.votes),
        sampled=sampled,
    )


def _most_to_look_at(line: AnnotatorLine) -> tuple[bool, float, float, str]:
    least = min((each.corrected for each in line.shown), default=1.0)
    eta = line.reliability.eta if line.reliability else 1.0
    return (not line.shown, least, eta, line.name)


def _findings(project: Project, found: Material, learned: Crowd | None) -> list[Finding]:
    people, who = len(found.people), found.who[found.row]
    seconds = found.table.more["milliseconds"] / 1000
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


def _names(people: Ints) -> list[str]:
    names = dict(User.objects.filter(pk__in=people.tolist()).values_list("pk", "username"))
    return [names.get(pk, "–") for pk in people.tolist()]


def _paused(project: Project) -> set[int]:
    rows = Pause.objects.filter(project=project, ended=None)
    return set(rows.values_list("annotator", flat=True))


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
    first, second = 2 * pair, 2 * pair + 1
    fitted = crowd_bt.fit(
        first,
        second,
        votes.first[kept].astype(np.float64),
        who,
        responses=2 * len(units),
        people=len(people),
    )
    intervals = crowd_bt.reliability_intervals(fitted, first, second, who)
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


# --- as a file ------------------------------------------------------------------------------------


def csv_of(project: Project) -> str:
    """Everybody's figures, and the sentence of each pattern that is shown."""
    return written(_rows(annotators_page(project)))


def _rows(page: AnnotatorsPage) -> Iterable[Row]:
    yield [
        *("person", "role", "answers", "eta", "eta_low", "eta_high", "eta_votes"),
        *("gold_agreed", "gold_seen", "gold_low", "gold_high"),
        *("with_the_rest", "rest_low", "rest_high", "comparisons", "weight", "paused", "evidence"),
    ]
    for line in page.lines:
        eta, rest = line.reliability, line.rest
        share = rest.share if rest else None
        yield [
            *(line.name, line.role, line.answers),
            *((eta.eta, *eta.interval, eta.votes) if eta else (None, None, None, 0)),
            *(line.gold.agreed, line.gold.seen),
            *(line.gold.interval if line.gold.seen else (None, None)),
            *((share.rate, *(share.interval or (None, None)), share.n) if share else [None] * 4),
            *(line.weight, line.is_paused),
            " ".join(f"{each.label}: {each.sentence}" for each in line.shown),
        ]
