"""A person's week: what they did, and where they differ from the researchers and why.

The week is over, so nothing here moves with an answer. Of hidden gold there is nothing but its
share of the answers counted; no source, no other annotator and no researcher is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import User
from django.db.models.functions import TruncDate
from django.http import Http404
from django.utils import timezone
from django.utils.safestring import SafeString

from annotation.aggregation.win_rate import WinRate, win_rate
from annotation.models import Annotation, AnswerComment, Guideline, ItemResponse, Project, WeekNote
from annotation.queries_adjudication import letters_between
from annotation.queries_me import Work, work_of
from annotation.queries_people import in_words
from annotation.rendering import render
from annotation.weekly.compared import KINDS, Compared, compared
from annotation.weekly.week import Week, last_week, read_week

SHOWN = 30  # items where they differ
SHOWN_WEEKS = 26
DAYS_LOOKED_AT = 7 * SHOWN_WEEKS


@dataclass(frozen=True)
class Theirs:
    """What the researchers say of an item, in the words and the order that the person saw.

    `letters` says how to read the reason, where it was written before another order.
    """

    kind: str
    words: str
    why: SafeString
    letters: str


@dataclass(frozen=True)
class Difference:
    prompt: str
    messages: list[tuple[str, SafeString]]  # who wrote it, as HTML
    responses: list[tuple[str, SafeString]]
    yours: str
    rationale: str
    theirs: list[Theirs]
    comments: list[str]


@dataclass(frozen=True)
class Agreed:
    """How many answers of the researchers of one kind were the person's too."""

    kind: str
    same: int
    n: int


@dataclass(frozen=True)
class Figures:
    """One week in figures. `with_researchers` has one cluster an item, as `with_rest` has."""

    work: Work
    with_researchers: WinRate
    with_rest: WinRate
    kinds: list[Agreed]
    differing: int  # items


@dataclass(frozen=True)
class WeekPage:
    week: Week
    now: Figures
    before: Figures
    differences: list[Difference]  # the newest SHOWN
    guidelines: list[Guideline]  # new versions of that week
    weeks: list[date]  # Mondays of the weeks in which they answered
    is_last: bool


def find_week(text: str = "") -> Week:
    """The week of this Monday, the newest that is over for ""; Http404 for anything else."""
    week = read_week(text) if text else last_week()
    if week is None:
        raise Http404("No such week, or it is not over.")
    return week


def week_page(project: Project, annotator: User, week: Week) -> WeekPage:
    """What the person reads about this week."""
    found = compared(project, annotator, week, _chosen(project, annotator, week))
    earlier = compared(project, annotator, week.before, _chosen(project, annotator, week.before))
    differing = sorted((each for each in found if each.differs), key=lambda each: -each.said.pk)
    return WeekPage(
        week=week,
        now=figures(project, annotator, week, found),
        before=figures(project, annotator, week.before, earlier),
        differences=_in_words(project, differing[:SHOWN], week),
        guidelines=list(
            project.guidelines.filter(
                created__gte=week.start, created__lt=week.end, version__gt=1
            ).order_by("version")
        ),
        weeks=_weeks(project, annotator),
        is_last=week == last_week(),
    )


def figures(project: Project, annotator: User, week: Week, found: Sequence[Compared]) -> Figures:
    """The week's figures from what there is to compare in it."""
    with_researchers = {
        each.turn.pk: [float(each.agrees_with(theirs.answer)) for theirs in each.references]
        for each in found
    }
    with_rest = {
        each.turn.pk: [float(each.agrees_with(answer)) for answer in each.others] for each in found
    }
    kinds = []
    for kind in KINDS:
        said = [
            each.agrees_with(theirs.answer)
            for each in found
            for theirs in each.references
            if theirs.kind == kind
        ]
        if said:
            kinds.append(Agreed(kind, sum(said), len(said)))
    return Figures(
        work=work_of(project, annotator, week.start, week.end),
        with_researchers=win_rate(with_researchers),
        with_rest=win_rate(with_rest),
        kinds=kinds,
        differing=sum(each.differs for each in found),
    )


def notes_of(project: Project, annotator: User) -> list[WeekNote]:
    """What the person was told of their newest weeks, for who manages the project."""
    found = WeekNote.objects.filter(project=project, annotator=annotator)
    return list(found.order_by("-monday")[:SHOWN_WEEKS])


def week_ready(project: Project, annotator: User) -> Week | None:
    """The week that the person has to be told of: the last one, until they open or dismiss it."""
    week = last_week()
    waits = WeekNote.objects.filter(
        project=project, annotator=annotator, monday=week.monday, seen=None, dismissed=None
    )
    return week if waits.exists() else None


def _chosen(project: Project, annotator: User, week: Week) -> list[int] | None:
    found = WeekNote.objects.filter(project=project, annotator=annotator, monday=week.monday)
    return found.values_list("items", flat=True).first()


def _weeks(project: Project, annotator: User) -> list[date]:
    """Mondays of the weeks that are over and have answers of the person, the newest first."""
    last = last_week()
    first = Week(date.fromordinal(last.monday.toordinal() - DAYS_LOOKED_AT)).start
    said = Annotation.objects.filter(
        assignment__annotator=annotator,
        assignment__item__project=project,
        created__gte=first,
        created__lt=last.end,
    )
    days = said.annotate(day=TruncDate("created", tzinfo=timezone.get_current_timezone()))
    found = days.order_by().values_list("day", flat=True).distinct()
    mondays = {day.toordinal() - day.weekday() for day in found}
    return [date.fromordinal(each) for each in sorted(mondays, reverse=True)]


def _in_words(project: Project, found: Sequence[Compared], week: Week) -> list[Difference]:
    turns = [each.turn for each in found]
    texts: dict[int, list[str]] = {}
    places = ItemResponse.objects.filter(item__in=[turn.item_id for turn in turns])
    for item_id, text in places.order_by("item_id", "position").values_list(
        "item_id", "response__text"
    ):
        texts.setdefault(item_id, []).append(text)
    comments: dict[int, list[str]] = {}
    said = AnswerComment.objects.filter(
        assignment__in=turns, by_annotator=False, created__lt=week.end
    )
    for remark in said.order_by("id"):
        comments.setdefault(remark.assignment_id, []).append(remark.text)
    markdown = project.render_markdown
    return [
        Difference(
            prompt=str(each.turn.item.prompt),
            messages=[
                (message["role"], render(message["content"], markdown=markdown))
                for message in each.turn.item.prompt.messages
            ],
            responses=[
                (chr(ord("A") + place), render(texts[each.turn.item_id][index], markdown=markdown))
                for place, index in enumerate(each.turn.display_order)
            ],
            yours=in_words(each.turn.item, each.said.answer or {}, each.turn.display_order),
            rationale=each.said.rationale,
            theirs=[
                Theirs(
                    kind=theirs.kind,
                    words=in_words(each.turn.item, theirs.answer, each.turn.display_order),
                    why=render(theirs.why, markdown=theirs.kind != "researcher"),
                    letters=letters_between(theirs.order, each.turn.display_order),
                )
                for theirs in each.references
            ],
            comments=comments.get(each.turn.pk, []),
        )
        for each in found
    ]
