"""What pages show: one function a page, frozen dataclasses out, few queries in.

What an annotator's page gets from here names no source, no primary key and no other person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import (
    QuerySet,
)
from django.http import Http404
from django.utils.safestring import SafeString

from annotation import permissions
from annotation.compiled import Compiled
from annotation.models import (
    Annotation,
    Assignment,
    Guideline,
    Item,
    ItemResponse,
    Project,
)
from annotation.rendering import render
from annotation.task_types import TASK_TYPES
from annotation.task_types.contract import BaseAnswerForm

KEPT_SECONDS = 3600
SHOWN_MESSAGES = 3  # of a long conversation; what lies before is folded up

# --- finding what an address names ----------------------------------------------------------------


def _project(slug: str, user: int) -> QuerySet[Project]:
    found = Project.objects.filter(slug=slug).select_related("gold_policy", "flow_policy")
    return found.annotate(stored_role=permissions.membership_role(user))[:1]


def _own(key: UUID, user: int) -> QuerySet[Assignment]:
    own = Assignment.objects.filter(key=key, annotator=user).select_related("item__project")
    return own.annotate(stored_role=permissions.membership_role(user, "item__project"))[:1]


def _own_shown(key: UUID, user: int) -> QuerySet[Assignment]:
    return _own(key, user).select_related("item__project", "item__prompt")


def _leased(project: int, user: int) -> QuerySet[Assignment, UUID]:
    leased = Assignment.objects.filter(
        item__project=project, annotator=user, status=Assignment.Status.LEASED
    )
    return leased.order_by("claimed", "id").values_list("key", flat=True)


PROJECT = Compiled(_project, slug=str, user=int)
OWN = Compiled(_own, key=UUID, user=int)
OWN_SHOWN = Compiled(_own_shown, key=UUID, user=int)
LEASED = Compiled(_leased, project=int, user=int)


def find_project(slug: str, user: User | AnonymousUser, verb: str) -> Project:
    """The project, if the user may `verb` in it; else Http404 or PermissionDenied."""
    project = PROJECT.first(slug=slug, user=user.pk) if user.pk else None
    if project is None:
        raise Http404("No such project.")
    role = permissions.effective_role(user, getattr(project, "stored_role", None))
    permissions.require_role(role, verb, project)
    return project


def find_assignment(key: UUID, user: User, *, shown: bool = True) -> Assignment:
    """The user's own assignment with its item and project loaded; else Http404.

    To be `shown`, it needs its prompt too.
    """
    found = (OWN_SHOWN if shown else OWN).first(key=key, user=user.pk)
    if found is None:
        raise Http404("No such assignment.")
    role = permissions.effective_role(user, getattr(found, "stored_role", None))
    permissions.require_role(role, "annotate", found.item.project)
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


def leased_keys(project: Project, annotator: User) -> list[UUID]:
    """The keys of what the annotator holds, oldest first."""
    return LEASED(project=project.pk, user=annotator.pk)


# --- the annotator's screen ---------------------------------------------------------------------


@dataclass(frozen=True)
class ShownMessage:
    role: str
    html: SafeString


@dataclass(frozen=True)
class ShownResponse:
    """A response at its place on the screen. Where it came from is not here, on purpose."""

    letter: str
    text: str
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
    warning: str  # the category that the annotator is warned of first; "" for none

    @property
    def form_id(self) -> str:
        return f"answer-{self.key}"

    @property
    def kept_seconds(self) -> int:
        """For how long others may be shown what was drawn of the form; 0 where it is filled in."""
        return 0 if self.initial else KEPT_SECONDS

    @property
    def reads_first(self) -> bool:
        """Whether the responses come one by one before the question: not to who began to answer."""
        untouched = not self.initial and not self.draft
        return untouched and len(self.responses) > 1 and self.config.get("read_first") is True

    @property
    def earlier(self) -> tuple[ShownMessage, ...]:
        return self.messages[:-SHOWN_MESSAGES] if len(self.messages) > SHOWN_MESSAGES + 1 else ()

    @property
    def latest(self) -> tuple[ShownMessage, ...]:
        return self.messages[len(self.earlier) :]


def _newest_answer(assignment: int) -> QuerySet[Annotation]:
    answers = Annotation.objects.filter(assignment=assignment, kind=Annotation.Kind.ANSWER)
    return answers.order_by("-revision")[:1]


def _responses(item: int) -> QuerySet[ItemResponse]:
    links = ItemResponse.objects.filter(item=item)
    return links.order_by("position").select_related("response")


NEWEST_ANSWER = Compiled(_newest_answer, assignment=int)
RESPONSES = Compiled(_responses, item=int)


def item_card(assignment: Assignment) -> ItemCard:
    """What the screen shows for this assignment; an answer taken back is filled in again."""
    item = assignment.item
    project = item.project
    task_type = TASK_TYPES[item.task_type]
    config = answer_config(item)
    canonical = [link.response for link in RESPONSES(item=item.pk)]
    order = assignment.display_order
    said = None if assignment.is_new else NEWEST_ANSWER.first(assignment=assignment.pk)
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
                text=canonical[index].text,
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
        warning=item.prompt.category if item.prompt.category in project.harm_categories else "",
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
