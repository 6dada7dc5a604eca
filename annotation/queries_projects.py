"""What the pages about projects and their people show: see `queries`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import (
    Case,
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
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.http import Http404

from annotation.models import (
    Annotation,
    Assignment,
    Batch,
    CategoryOptOut,
    Flag,
    Item,
    ItemQuerySet,
    Membership,
    Pause,
    Project,
    Prompt,
    Tally,
)
from annotation.queries_progress import OUT_OF_QUEUE

NOT_ASKED_OF_ALL = (Item.Status.GOLD, Item.Status.RETEST)

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
    asked = items.exclude(status__in=OUT_OF_QUEUE).values("project")
    gold = items.filter(status=Item.Status.GOLD).values("project")
    answered = Exists(
        Assignment.objects.filter(
            item=OuterRef("pk"), annotator=user, status=Assignment.Status.ANSWERED
        )
    )
    mine = Tally.objects.filter(project=OuterRef("pk"), annotator=user).annotate(n=F("answered"))
    retests = Tally.objects.filter(project=OuterRef("pk"), annotator=user).annotate(n=F("retests"))
    claimable = _open_to(items, user).values("project")
    held = _held_by(user).filter(item__project=OuterRef("pk")).order_by().values("item__project")
    role = Membership.objects.filter(project=OuterRef("pk"), user=user).values("role")
    projects = Project.objects.visible_to(user).annotate(
        role=Subquery(role[:1]),
        # gold as in `progress`
        done=_number(asked.annotate(n=Sum("answer_count")))
        + _number(gold.filter(answered).annotate(n=Count("id")))
        + _number(retests),
        total=_number(asked.annotate(n=Sum(F("answers_wanted") - F("overlap_added"))))
        + _number(gold.annotate(n=Count("id"))),
        mine=_number(mine),
        claimable=_number(claimable.annotate(n=Count("id"))),
        held=_number(held.annotate(n=Count("id"))),
        gold=_number(_gold_to_come(items, user).values("project").annotate(n=Count("id"))),
    )
    projects = projects.annotate(
        open_to_me=F("held")
        + Case(When(claimable__gt=0, then=F("claimable") + F("gold")), default=0)
    )
    lines = []
    for row in projects.order_by("is_archived", "name", "id").values(
        "slug", "name", "description", "is_archived", "role", "done", "total", "mine", "open_to_me"
    ):
        row["role"] = row["role"] or Membership.Role.MANAGER  # an administrator
        if row["is_archived"]:
            row["open_to_me"] = 0
        row["total"] = max(row["total"], row["done"])
        lines.append(ProjectLine(**row))
    return lines


def _open_to(items: ItemQuerySet, user: User) -> ItemQuerySet:
    """Items with a free slot that were not put to this person before, or whose lease ran out."""
    barred = Assignment.objects.filter(item=OuterRef("pk"), annotator=user).exclude(
        status=Assignment.Status.EXPIRED
    )
    return items.filter(~Exists(barred)).open().not_opted_out_by(user).offered_to(user)


def _gold_to_come(items: ItemQuerySet, user: User) -> ItemQuerySet:
    """Hidden gold that this person will be asked among other items. It is counted with them: a
    count that did not fall, or rose, would tell that an item is gold."""
    gold = items.filter(
        status=Item.Status.GOLD, gold__kind="hidden", project__gold_policy__hidden_share__gt=0
    )
    return gold.unseen_by(user).not_opted_out_by(user)


def _number(grouped: Any) -> Coalesce:
    return Coalesce(Subquery(grouped.values("n"), output_field=IntegerField()), 0)


def open_to(project: Project, user: User) -> int:
    """How many items this person could answer now: those held already, and those to be had."""
    held = _held_by(user).filter(item__project=project).count()
    items = Item.objects.filter(project=project)
    claimable = _open_to(items, user).count()
    return held + claimable + (_gold_to_come(items, user).count() if claimable else 0)


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
    asked = ~Q(status__in=OUT_OF_QUEUE)
    items = project.items.aggregate(
        items=Count("id", filter=~Q(status__in=NOT_ASKED_OF_ALL)),
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

    Someone is left for an item who is an active member, did not opt out of its category, and was
    never put to it, or whose lease on it ran out. `missing` says how many people short it is.
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
    opt_outs = CategoryOptOut.objects.filter(project=project, annotator__in=members.values("user"))
    put_to = Assignment.objects.filter(
        item=OuterRef(OuterRef("pk")), annotator=OuterRef("annotator")
    ).exclude(status=Assignment.Status.EXPIRED)
    unwilling = (
        opt_outs.filter(~Exists(put_to), category=OuterRef("prompt__category"))
        .order_by()
        .values("category")
        .annotate(n=Count("id"))
    )
    named = (
        Batch.people.through.objects.filter(batch=OuterRef("lane"), user__in=members.values("user"))
        .order_by()
        .values("batch")
        .annotate(n=Count("user"))
    )
    return (
        Item.objects.filter(project=project)
        .open()
        .filter(
            Q(answers_wanted__gt=people)
            | Q(lane__gt=0)
            | Q(pk__in=barred.values("item"))
            | Q(prompt__category__in=opt_outs.values("category"))
        )
        .annotate(
            people=Case(When(lane=0, then=Value(people)), default=_number(named)),
            missing=F("open_slots") + _number(used_up) + _number(unwilling) - F("people"),
        )
        .filter(missing__gt=0)
        .in_turn()
    )


@dataclass(frozen=True)
class MemberLine:
    user_id: int
    username: str
    role: str
    is_active: bool
    is_paused: bool
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
        is_paused=Exists(
            Pause.objects.filter(project=project, annotator=OuterRef("user"), ended=None)
        ),
    )
    return [
        MemberLine(
            user_id=member.user_id,
            username=member.user.get_username(),
            role=member.role,
            is_active=member.user.is_active,
            is_paused=member.is_paused,
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
    member = User.objects.filter(pk=user_id, memberships__project=project).first()
    if member is None:
        raise Http404("No such member.")
    return member


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
