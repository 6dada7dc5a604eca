"""What an annotator has to read before the next item, and what a manager sees of a person.

What an annotator gets from here names no source and no primary key, and nothing of hidden gold
but how many of them agree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import Http404
from django.utils.safestring import SafeString

from annotation.aggregation.consistency import Consistency
from annotation.aggregation.gold import GoldAgreement, Try, last_try, needed
from annotation.line_diff import Line, changes
from annotation.models import (
    Assignment,
    Comment,
    Gold,
    GoldPolicy,
    Item,
    Pause,
    Project,
    Qualification,
)
from annotation.queries import ItemCard, answer_config, item_card
from annotation.queries_retests import own_consistency
from annotation.rendering import render
from annotation.services.gold import agrees, outcomes
from annotation.services.guidelines import known_version
from annotation.services.training import unread_feedback
from annotation.task_types import TASK_TYPES, Answer

SHOWN_COMMENTS = 100


def in_words(item: Item, answer: Answer, order: Sequence[int]) -> str:
    """A stored answer as its form would show it in this display order, in the form's own words."""
    kind = TASK_TYPES[item.task_type]
    shown = kind.to_display(answer, order)
    form = kind.AnswerForm(config=answer_config(item), responses=len(order), initial=shown)
    said: list[tuple[str, str]] = []
    for name, field in form.fields.items():
        value = shown.get(name)
        if name == "rationale" or value is None or value is False or value == "":
            continue
        label = str(field.label or name.replace("_", " ").capitalize())
        if isinstance(field, forms.BooleanField):
            said.append(("", label))
        elif isinstance(field, forms.MultipleChoiceField):
            said.append((label, ", ".join(map(str, value))))
        elif isinstance(field, forms.ChoiceField):
            said.append((label, str(dict(field.choices).get(value, value))))  # type: ignore[arg-type]
        else:
            said.append((label, str(value)))
    if len(said) == 1:  # the words of a choice say what is meant
        return said[0][1]
    return " · ".join(f"{label}: {words}" if label else words for label, words in said)


# --- notices ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GuidelineNotice:
    """A version that the person has not acknowledged, and how it differs from the one they go by.

    `known` is 0 where they worked without guidelines; then there is nothing to compare.
    """

    version: int
    known: int
    changes: list[Line]
    html: SafeString
    author: str
    created: datetime


def guideline_notice(project: Project, annotator: User) -> GuidelineNotice:
    """The guideline in force against the version that the person goes by."""
    newest = project.guidelines.select_related("created_by").order_by("-version")[0]
    known = known_version(project, annotator) or 0
    before = project.guidelines.filter(version=known).first()
    return GuidelineNotice(
        version=newest.version,
        known=known,
        changes=changes(before.text, newest.text) if before else [],
        html=render(newest.text),
        author=newest.created_by.get_username() if newest.created_by else "",
        created=newest.created,
    )


@dataclass(frozen=True)
class Verdicts:
    """Two answers to a gold item in the words of its form, as the annotator saw it."""

    agrees: bool
    yours: str
    theirs: str
    reason: str


def verdicts(assignment: Assignment) -> Verdicts:
    """The annotator's answer to a gold item and the researchers'."""
    item, order = assignment.item, assignment.display_order
    said = assignment.annotations.order_by("-revision")[0]
    said.assignment = assignment
    return Verdicts(
        agrees=agrees(said),
        yours=in_words(item, said.answer or {}, order),
        theirs=in_words(item, item.gold.answer, order),
        reason=item.gold.reason,
    )


@dataclass(frozen=True)
class FeedbackNotice:
    """A training item that was answered, with the researchers' answer and their reason."""

    card: ItemCard
    verdicts: Verdicts
    reason: SafeString
    now: Try
    tries: int
    needed: int

    @property
    def has_passed(self) -> bool:
        return self.now.is_over and self.now.agreed >= self.needed

    @property
    def may_try_again(self) -> bool:
        return self.now.is_over and not self.has_passed and self.now.number < self.tries


def feedback_notice(project: Project, annotator: User) -> FeedbackNotice:
    """About the last training item that the person answered."""
    policy: GoldPolicy = project.gold_policy
    waiting = unread_feedback(project, annotator, policy)
    if waiting is None:
        raise Http404("There is nothing to read.")
    both = verdicts(waiting)
    past = outcomes(project, annotator, Gold.Kind.TRAINING)
    return FeedbackNotice(
        card=item_card(waiting),
        verdicts=both,
        reason=render(both.reason),
        now=last_try(past, policy.training_items),
        tries=policy.tries,
        needed=needed(policy.training_items, policy.pass_share),
    )


@dataclass(frozen=True)
class PauseNotice:
    message: str
    created: datetime
    comments: list[Comment]


def pause_notice(project: Project, annotator: User) -> PauseNotice:
    """Why the person is paused, and what was said about it since."""
    pause = Pause.objects.get(project=project, annotator=annotator, ended=None)
    said = comments_about(project, annotator)
    return PauseNotice(
        message=pause.message,
        created=pause.created,
        comments=[comment for comment in said if comment.created >= pause.created],
    )


NOTICES: Mapping[str, Callable[[Project, User], Any]] = {
    "guideline": guideline_notice,
    "feedback": feedback_notice,
    "pause": pause_notice,
}
"""By the kind that services.MustRead names."""


def comments_about(project: Project, annotator: User) -> list[Comment]:
    """The newest comments about the person's work, oldest of them first."""
    said = Comment.objects.filter(project=project, annotator=annotator).select_related("author")
    return list(said.order_by("-id")[:SHOWN_COMMENTS])[::-1]


# --- for managers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class PersonPage:
    """A member as a manager sees them: agreement with gold, training, pause, what was said."""

    hidden: GoldAgreement
    training: GoldAgreement
    qualification: Qualification | None
    pause: Pause | None
    past_pauses: list[Pause]
    comments: list[Comment]
    consistency: Consistency


def person_page(project: Project, annotator: User) -> PersonPage:
    hidden = outcomes(project, annotator, Gold.Kind.HIDDEN)
    training = outcomes(project, annotator, Gold.Kind.TRAINING)
    pauses = list(
        Pause.objects.filter(project=project, annotator=annotator).select_related("ended_by")
    )
    return PersonPage(
        hidden=GoldAgreement(sum(hidden), len(hidden)),
        training=GoldAgreement(sum(training), len(training)),
        qualification=Qualification.objects.filter(project=project, annotator=annotator)
        .select_related("decided_by")
        .first(),
        pause=next((pause for pause in pauses if pause.ended is None), None),
        consistency=own_consistency(project, annotator),
        past_pauses=[pause for pause in pauses if pause.ended is not None],
        comments=comments_about(project, annotator),
    )
