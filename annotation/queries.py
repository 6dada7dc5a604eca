"""What pages show: one function a page, frozen dataclasses out, few queries in.

What an annotator's page gets from here names no source, no primary key and no other person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import caches
from django.db.models import (
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils.safestring import SafeString

from annotation import permissions
from annotation.models import (
    Annotation,
    Assignment,
    Flag,
    Guideline,
    Item,
    ItemQuerySet,
    ItemResponse,
    Membership,
    Project,
    Prompt,
)
from annotation.rendering import render
from annotation.task_types import TASK_TYPES
from annotation.task_types.contract import BaseAnswerForm

MANY_ITEMS = 20_000
COUNTS_SECONDS = 10
SHOWN_MESSAGES = 3  # of a long conversation; what lies before is folded up

# --- finding what an address names ----------------------------------------------------------------


def find_project(slug: str, user: User | AnonymousUser, verb: str) -> Project:
    """The project, if the user may `verb` in it; else Http404 or PermissionDenied."""
    project = Project.objects.filter(slug=slug).first()
    if project is None:
        raise Http404("No such project.")
    permissions.require(user, verb, project)
    return project


def find_assignment(key: UUID, user: User) -> Assignment:
    """The user's own assignment with its item, prompt and project loaded; else Http404."""
    found = (
        Assignment.objects.filter(key=key, annotator=user)
        .select_related("item__project", "item__prompt", "guideline")
        .first()
    )
    if found is None:
        raise Http404("No such assignment.")
    permissions.require(user, "annotate", found.item.project)
    return found


def open_assignments(project: Project, annotator: User) -> list[Assignment]:
    """What the annotator holds already, oldest first; the screen resumes it before claiming."""
    return list(
        Assignment.objects.filter(
            item__project=project, annotator=annotator, status=Assignment.Status.LEASED
        )
        .select_related("item__project", "item__prompt", "guideline")
        .order_by("claimed", "id")
    )


# --- the annotator's screen ---------------------------------------------------------------------


@dataclass(frozen=True)
class ShownMessage:
    role: str
    html: SafeString


@dataclass(frozen=True)
class ShownResponse:
    """A response at its place on the screen. Where it came from is not here, on purpose."""

    letter: str
    html: SafeString
    is_truncated: bool


@dataclass(frozen=True)
class ItemCard:
    """One assignment, ready to be shown. `config` is the project's and the item's task_config."""

    key: UUID
    task_type: str
    label: str
    config: Mapping[str, Any]
    messages: tuple[ShownMessage, ...]
    responses: tuple[ShownResponse, ...]
    is_markdown: bool
    initial: Mapping[str, Any]
    form: BaseAnswerForm
    draft: Mapping[str, Any] | None
    draft_version: int
    active_seconds: float
    lease_seconds: int
    lease_until: datetime
    guideline_version: int | None

    @property
    def earlier(self) -> tuple[ShownMessage, ...]:
        return self.messages[:-SHOWN_MESSAGES] if len(self.messages) > SHOWN_MESSAGES + 1 else ()

    @property
    def latest(self) -> tuple[ShownMessage, ...]:
        return self.messages[len(self.earlier) :]


def item_card(assignment: Assignment) -> ItemCard:
    """What the screen shows for this assignment; an answer taken back is filled in again."""
    item = assignment.item
    project = item.project
    task_type = TASK_TYPES[item.task_type]
    config = answer_config(item)
    links = ItemResponse.objects.filter(item=item).order_by("position").select_related("response")
    canonical = [link.response for link in links]
    order = assignment.display_order
    said = assignment.annotations.filter(kind=Annotation.Kind.ANSWER).order_by("-revision").first()
    initial: dict[str, Any] = {}
    if said is not None and said.answer is not None:
        initial = task_type.to_display(said.answer, order) | {"rationale": said.rationale}
    markdown = project.render_markdown
    return ItemCard(
        key=assignment.key,
        task_type=item.task_type,
        label=task_type.LABEL,
        config=config,
        messages=tuple(
            ShownMessage(message["role"], render(message["content"], markdown=markdown))
            for message in item.prompt.messages
        ),
        responses=tuple(
            ShownResponse(
                letter=chr(ord("A") + place),
                html=render(canonical[index].text, markdown=markdown),
                is_truncated=canonical[index].is_truncated,
            )
            for place, index in enumerate(order)
        ),
        is_markdown=markdown,
        initial=initial,
        form=task_type.AnswerForm(config=config, responses=len(order), initial=initial),
        draft=assignment.draft,
        draft_version=assignment.draft_version,
        active_seconds=assignment.active_seconds,
        lease_seconds=project.lease_seconds,
        lease_until=assignment.lease_until,
        guideline_version=assignment.guideline.version if assignment.guideline else None,
    )


def answer_config(item: Item) -> dict[str, Any]:
    """The task type's settings for this item: the project's, overruled by the item's own."""
    return {**item.project.task_config, **item.task_config}


def answer_form(assignment: Assignment, data: Mapping[str, Any]) -> BaseAnswerForm:
    """The form of the assignment's task type, filled with what the annotator sent."""
    item = assignment.item
    form = TASK_TYPES[item.task_type].AnswerForm
    return form(data, config=answer_config(item), responses=len(assignment.display_order))


@dataclass(frozen=True)
class Progress:
    """Answers given and wanted in the project (retired items left out), and this person's own."""

    done: int
    total: int
    mine: int
    open_items: int
    items: int

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 0.0


def progress(project: Project, user: User) -> Progress:
    """How far the project is. In a project of many items the counts may be 10 s old."""
    mine = Assignment.objects.filter(
        annotator=user, item__project=project, status=Assignment.Status.ANSWERED
    ).count()
    return Progress(mine=mine, **_item_counts(project))


def _item_counts(project: Project) -> dict[str, int]:
    # Counting a million items takes 0.2 s, too long for each answer to wait for.
    key = f"item_counts:{project.pk}"
    known: dict[str, int] | None = caches["process"].get(key)
    if known is not None:
        return known
    counts: dict[str, int] = project.items.exclude(status=Item.Status.RETIRED).aggregate(
        done=Coalesce(Sum("answer_count"), 0),
        total=Coalesce(Sum("answers_wanted"), 0),
        open_items=Count("id", filter=Q(status=Item.Status.OPEN)),
        items=Count("id"),
    )
    if counts["items"] > MANY_ITEMS:
        caches["process"].set(key, counts, timeout=COUNTS_SECONDS)
    return counts


@dataclass(frozen=True)
class ShownGuideline:
    version: int
    html: SafeString
    text: str
    created: datetime
    author: str


def guideline(project: Project) -> ShownGuideline | None:
    """The guideline in force."""
    newest = project.guidelines.select_related("created_by").order_by("-version").first()
    return _shown(newest) if newest else None


def guidelines_page(project: Project) -> list[ShownGuideline]:
    """Every version, newest first."""
    versions = project.guidelines.select_related("created_by").order_by("-version")
    return [_shown(version) for version in versions]


def _shown(guideline: Guideline) -> ShownGuideline:
    return ShownGuideline(
        version=guideline.version,
        html=render(guideline.text),
        text=guideline.text,
        created=guideline.created,
        author=guideline.created_by.get_username() if guideline.created_by else "",
    )


# --- home and project -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ProjectLine:
    """A project on the home page. `open_to_me` counts items that this user could answer."""

    slug: str
    name: str
    description: str
    role: str
    is_archived: bool
    done: int
    total: int
    mine: int
    open_to_me: int

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 0.0


def home(user: User) -> list[ProjectLine]:
    """The user's projects, with what waits in each; archived ones come last."""
    # Subqueries, each grouped by project: joins would multiply the rows.
    items = Item.objects.filter(project=OuterRef("pk")).order_by()
    asked = items.exclude(status=Item.Status.RETIRED).values("project")
    mine = (
        Assignment.objects.filter(
            item__project=OuterRef("pk"), annotator=user, status=Assignment.Status.ANSWERED
        )
        .order_by()
        .values("item__project")
    )
    claimable = _open_to(items, user).values("project")
    held = _held_by(user).filter(item__project=OuterRef("pk")).order_by().values("item__project")
    role = Membership.objects.filter(project=OuterRef("pk"), user=user).values("role")
    projects = Project.objects.visible_to(user).annotate(
        role=Subquery(role[:1]),
        done=_number(asked.annotate(n=Sum("answer_count"))),
        total=_number(asked.annotate(n=Sum("answers_wanted"))),
        mine=_number(mine.annotate(n=Count("id"))),
        open_to_me=_number(claimable.annotate(n=Count("id")))
        + _number(held.annotate(n=Count("id"))),
    )
    lines = []
    for row in projects.order_by("is_archived", "name", "id").values(
        "slug", "name", "description", "is_archived", "role", "done", "total", "mine", "open_to_me"
    ):
        row["role"] = row["role"] or Membership.Role.MANAGER  # an administrator
        if row["is_archived"]:
            row["open_to_me"] = 0
        lines.append(ProjectLine(**row))
    return lines


def _open_to(items: ItemQuerySet, user: User) -> ItemQuerySet:
    """Items with a free slot that were not put to this person before, or whose lease ran out."""
    barred = Assignment.objects.filter(item=OuterRef("pk"), annotator=user).exclude(
        status=Assignment.Status.EXPIRED
    )
    return items.filter(~Exists(barred), status=Item.Status.OPEN, open_slots__gt=0)


def _number(grouped: Any) -> Coalesce:
    return Coalesce(Subquery(grouped.values("n"), output_field=IntegerField()), 0)


def open_to(project: Project, user: User) -> int:
    """How many items this person could answer now: those held already, and those to be had."""
    held = _held_by(user).filter(item__project=project).count()
    return held + _open_to(Item.objects.filter(project=project), user).count()


def _held_by(user: User) -> QuerySet[Assignment]:
    return Assignment.objects.filter(annotator=user, status=Assignment.Status.LEASED)


@dataclass(frozen=True)
class ProjectOverview:
    """What a researcher sees first. Counts of now."""

    prompts: int
    test_prompts: int
    responses: int
    sources: int
    items: int
    open_items: int
    complete_items: int
    retired_items: int
    short_items: int
    answers: int
    answers_wanted: int
    extra_answers: int
    leased: int
    annotators: int
    open_flags: int
    rounds: int

    @property
    def share(self) -> float:
        return self.answers / self.answers_wanted if self.answers_wanted else 0.0


def project_overview(project: Project) -> ProjectOverview:
    """The state of asking in the project."""
    asked = ~Q(status=Item.Status.RETIRED)
    items = project.items.aggregate(
        items=Count("id"),
        open_items=Count("id", filter=Q(status=Item.Status.OPEN)),
        complete_items=Count("id", filter=Q(status=Item.Status.COMPLETE)),
        retired_items=Count("id", filter=Q(status=Item.Status.RETIRED)),
        answers=Coalesce(Sum("answer_count", filter=asked), 0),
        answers_wanted=Coalesce(Sum("answers_wanted", filter=asked), 0),
        rounds=Coalesce(Max("round"), 0),
    )
    prompts = project.prompts.aggregate(
        prompts=Count("id"), test_prompts=Count("id", filter=Q(split=Prompt.Split.TEST))
    )
    turns = Assignment.objects.filter(item__project=project).aggregate(
        extra_answers=Count("id", filter=Q(status=Assignment.Status.EXTRA)),
        leased=Count("id", filter=Q(status=Assignment.Status.LEASED)),
        annotators=Count("annotator", distinct=True, filter=Q(status=Assignment.Status.ANSWERED)),
    )
    sources = project.sources.annotate(n=Count("responses")).values_list("n", flat=True)
    written = list(sources)
    return ProjectOverview(
        responses=sum(written),
        sources=len(written),
        short_items=short_of_people(project).count(),
        open_flags=Flag.objects.filter(item__project=project, resolved=None).count(),
        **items,
        **prompts,
        **turns,
    )


def short_of_people(project: Project) -> ItemQuerySet:
    """Open items that need more people than the project has left for them.

    Someone is left for an item who is an active member and was never put to it, or whose lease on
    it ran out. `missing` says how many people short it is.
    """
    members = project.memberships.filter(user__is_active=True)
    people = members.count()
    used_up = (
        Assignment.objects.filter(item=OuterRef("pk"), annotator__in=members.values("user"))
        .exclude(status=Assignment.Status.EXPIRED)
        .order_by()
        .values("item")
        .annotate(n=Count("id"))
    )
    # Only where someone is barred, or K exceeds the team, can people be missing: most items are
    # ruled out by this alone.
    barred = Assignment.objects.filter(
        item__project=project, status__in=[Assignment.Status.SKIPPED, Assignment.Status.EXTRA]
    )
    return (
        Item.objects.filter(project=project)
        .open()
        .filter(Q(answers_wanted__gt=people) | Q(pk__in=barred.values("item")))
        .annotate(missing=F("open_slots") + _number(used_up) - people)
        .filter(missing__gt=0)
        .in_turn()
    )


@dataclass(frozen=True)
class MemberLine:
    user_id: int
    username: str
    role: str
    is_active: bool
    answered: int
    skipped: int
    extra: int
    flags: int
    last_answer: datetime | None


def members_page(project: Project) -> list[MemberLine]:
    """The project's people and what each has done in it."""
    mine = (
        Assignment.objects.filter(item__project=project, annotator=OuterRef("user"))
        .order_by()
        .values("annotator")
    )
    flags = (
        Flag.objects.filter(item__project=project, annotator=OuterRef("user"))
        .order_by()
        .values("annotator")
        .annotate(n=Count("id"))
    )
    last = (
        Annotation.objects.filter(
            assignment__item__project=project,
            assignment__annotator=OuterRef("user"),
            kind=Annotation.Kind.ANSWER,
        )
        .order_by("-id")
        .values("created")
    )
    members = project.memberships.select_related("user").annotate(
        answered=_number(mine.filter(status=Assignment.Status.ANSWERED).annotate(n=Count("id"))),
        skipped=_number(mine.filter(status=Assignment.Status.SKIPPED).annotate(n=Count("id"))),
        extra=_number(mine.filter(status=Assignment.Status.EXTRA).annotate(n=Count("id"))),
        flags=_number(flags),
        last_answer=Subquery(last[:1]),
    )
    return [
        MemberLine(
            user_id=member.user_id,
            username=member.user.get_username(),
            role=member.role,
            is_active=member.user.is_active,
            answered=member.answered,
            skipped=member.skipped,
            extra=member.extra,
            flags=member.flags,
            last_answer=member.last_answer,
        )
        for member in members.order_by("user__username")
    ]


def find_member(project: Project, user_id: int) -> User:
    """A member of the project; else Http404."""
    member = project.memberships.filter(user_id=user_id).select_related("user").first()
    if member is None:
        raise Http404("No such member.")
    return member.user


@dataclass(frozen=True)
class FlagLine:
    """Something somebody found wrong; for researchers."""

    id: int
    item_id: int
    reason: str
    note: str
    by: str
    created: datetime
    prompt: str


def open_flags(project: Project, limit: int = 100) -> list[FlagLine]:
    """The newest flags that nobody has dealt with."""
    flags = (
        Flag.objects.filter(item__project=project, resolved=None)
        .select_related("item__prompt", "annotator")
        .order_by("-created", "-id")
    )
    return [
        FlagLine(
            id=flag.pk,
            item_id=flag.item_id,
            reason=flag.reason,
            note=flag.note,
            by=flag.annotator.get_username(),
            created=flag.created,
            prompt=str(flag.item.prompt),
        )
        for flag in flags[:limit]
    ]
