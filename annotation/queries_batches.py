"""What the pages of a project's batches show."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone

from annotation.models import Batch, Item, ItemQuerySet, Project

SHOWN_FILES = 50


@dataclass(frozen=True)
class BatchLine:
    """A batch, what stands in its way now ("" while it is asked), and how far it is."""

    batch: Batch
    state: str
    people: list[str]
    items: int
    complete: int
    answers: int
    answers_wanted: int

    @property
    def is_done(self) -> bool:
        return self.items > 0 and self.complete == self.items

    @property
    def is_closed(self) -> bool:
        return self.state == "closed"


def batches_page(project: Project) -> list[BatchLine]:
    """The project's batches, those that are asked first at the top."""
    return _lines(project.batches.all())


def batch_line(project: Project, pk: int) -> BatchLine:
    """One batch; Http404 if it is not this project's."""
    lines = _lines(project.batches.filter(pk=pk))
    if not lines:
        raise Http404("No such batch.")
    return lines[0]


def find_batch(project: Project, pk: int) -> Batch:
    """The batch itself; Http404 if it is not this project's."""
    batch = project.batches.filter(pk=pk).first()
    if batch is None:
        raise Http404("No such batch.")
    return batch


def batch_choices(project: Project) -> list[str]:
    """The names of the project's batches."""
    return list(project.batches.order_by("name").values_list("name", flat=True))


def members(project: Project) -> list[User]:
    """Who can be named."""
    people = User.objects.filter(memberships__project=project, is_active=True)
    return list(people.order_by("username"))


def take_in_choices(project: Project) -> list[tuple[str, str]]:
    """(value, label): what can be put into a batch, of what is in none."""
    loose = _loose(project)
    rounds = loose.order_by("round").values_list("round", flat=True).distinct()
    arms = loose.order_by("arm").values_list("arm", flat=True).distinct()
    files = (
        project.import_batches.filter(kind="prompts").order_by("-id").values_list("pk", "file_name")
    )
    return [
        ("", "Nothing yet"),
        ("all", "All items that are in no batch"),
        *((f"round:{number}", f"Those of round {number}") for number in rounds if number),
        *((f"arm:{arm}", f"Those of the arm {arm}") for arm in arms),
        *((f"file:{pk}", f"Those about prompts of {name}") for pk, name in files[:SHOWN_FILES]),
    ]


def items_to_take_in(project: Project, choice: str) -> ItemQuerySet:
    """The items that a value of `take_in_choices` names."""
    kind, _, value = choice.partition(":")
    items = _loose(project)
    if kind == "round":
        return items.filter(round=int(value))
    if kind == "arm":
        return items.filter(arm=value)
    if kind == "file":
        return items.filter(prompt__batch=int(value))
    return items if kind == "all" else items.none()


def _loose(project: Project) -> ItemQuerySet:
    return Item.objects.filter(project=project, named_batch=None)


def _lines(batches: QuerySet[Batch]) -> list[BatchLine]:
    asked = ~Q(items__status=Item.Status.GOLD) & ~Q(items__status=Item.Status.RETIRED)
    rows = batches.prefetch_related("people").annotate(
        asked_items=Count("items", filter=asked),
        complete=Count("items", filter=Q(items__status=Item.Status.COMPLETE)),
        answers=Coalesce(Sum("items__answer_count", filter=asked), 0),
        wanted=Coalesce(Sum("items__answers_wanted", filter=asked), 0),
    )
    return [
        BatchLine(
            batch=row,
            state=_state(row),
            people=sorted(person.get_username() for person in row.people.all()),
            items=row.asked_items,
            complete=row.complete,
            answers=row.answers,
            answers_wanted=row.wanted,
        )
        for row in rows.order_by("-priority", "id")
    ]


def _state(batch: Batch) -> str:
    now = timezone.now()
    if batch.is_closed_at(now):
        return "closed"
    if batch.is_paused:
        return "paused"
    return "" if batch.is_open_at(now) else "not open yet"
