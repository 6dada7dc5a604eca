"""What the annotators page shows: how reliable everybody is, what looks suspicious, and why."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User

from annotation.aggregation.gold import GoldAgreement
from annotation.agreement.people import WithTheRest
from annotation.csv_text import Row, written
from annotation.models import Membership, Pause, Project
from annotation.queries_reliability import Figures, Reliability, Week, figures_of
from annotation.services.weights import weights_of

SURE = 0.01  # of the p that knows how many people and patterns were looked at


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
    figures: Figures

    @property
    def suspicious(self) -> int:
        return sum(bool(line.shown) for line in self.lines)


def annotators_page(project: Project) -> AnnotatorsPage:
    """Everybody who has answered anything that counts."""
    figures = figures_of(project)
    keys = [person.pk for person in figures.people]
    found = dict(User.objects.filter(pk__in=keys).values_list("pk", "username"))
    names = [found.get(pk, "–") for pk in keys]
    roles = dict(project.memberships.values_list("user", "role"))
    weights = weights_of(project)
    open_pauses = Pause.objects.filter(project=project, ended=None)
    paused = set(open_pauses.values_list("annotator", flat=True))
    lines = [
        AnnotatorLine(
            pk=person.pk,
            name=name,
            role=str(Membership.Role(roles[person.pk]).label) if person.pk in roles else "",
            answers=person.answers,
            reliability=person.reliability,
            gold=person.gold,
            rest=person.rest,
            weeks=person.weeks,
            suspicions=sorted(
                (
                    Suspicion(
                        each.label,
                        each.sentence,
                        each.p,
                        corrected,
                        each.is_shown,
                        tuple(names[k] for k in each.beside),
                    )
                    for each, corrected in person.findings
                ),
                key=lambda each: (not each.is_shown, each.p),
            ),
            weight=weights.get(person.pk, 1.0),
            is_paused=person.pk in paused,
        )
        for person, name in zip(figures.people, names, strict=True)
    ]
    return AnnotatorsPage(sorted(lines, key=_most_to_look_at), figures)


def _most_to_look_at(line: AnnotatorLine) -> tuple[bool, float, float, str]:
    least = min((each.corrected for each in line.shown), default=1.0)
    eta = line.reliability.eta if line.reliability else 1.0
    return (not line.shown, least, eta, line.name)


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
