"""Rows for tests, made the way the product makes them: plain functions with defaults."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from django.contrib.auth.models import User

from annotation import services
from annotation.models import (
    Annotation,
    Assignment,
    Item,
    Membership,
    Project,
    Prompt,
    Response,
    text_hash,
)

PASSWORD = "correct horse battery staple"
_numbers = count(1)


def make_user(username: str = "", **fields: Any) -> User:
    return User.objects.create_user(
        username or f"person{next(_numbers)}", password=PASSWORD, **fields
    )


def make_project(slug: str = "", **fields: Any) -> Project:
    slug = slug or f"project{next(_numbers)}"
    return services.create_project(slug=slug, name=slug.replace("_", " ").title(), **fields)


def make_member(
    project: Project, role: str = Membership.Role.ANNOTATOR, username: str = ""
) -> User:
    user = make_user(username)
    services.add_member(project, user, role)
    return user


def make_prompt(project: Project, text: str = "", *, split: str = "", **fields: Any) -> Prompt:
    """A one-turn prompt, or several turns: user, assistant, user … divided by `|||`.

    With `split`, it belongs to a conversation that falls into that split.
    """
    if split:
        names = (f"conversation {next(_numbers)}" for _ in count())
        fields["conversation_root"] = next(
            name for name in names if project.split_of(text_hash(name)) == split
        )
    turns = (text or f"Question {next(_numbers)}?").split("|||")
    messages = [
        {"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)
    ]
    return services.get_or_add_prompt(project, messages, **fields)[0]


def make_response(prompt: Prompt, text: str = "", source: str = "demo") -> Response:
    written_by = services.get_or_add_source(prompt.project, source)
    text = text or f"Answer {next(_numbers)}."
    return services.get_or_add_response(prompt, written_by, text)[0]


def make_item(
    project: Project,
    texts: Sequence[str] = (),
    *,
    prompt: Prompt | None = None,
    sources: Sequence[str] = (),
    key: str = "",
    **fields: Any,
) -> Item:
    """An open item; without `texts`, about two new responses of the source `demo`."""
    prompt = prompt or make_prompt(project)
    texts = texts or [f"Answer {next(_numbers)}.", f"Answer {next(_numbers)}."]
    sources = sources or ["demo"] * len(texts)
    responses = [
        make_response(prompt, text, source) for text, source in zip(texts, sources, strict=True)
    ]
    item = services.queue_item(
        project, prompt, responses, key=key or f"key{next(_numbers)}", **fields
    )
    assert item is not None, "the key is known, or two responses are equal"
    return item


def make_assignment(item: Item, annotator: User | None = None) -> Assignment:
    """A lease on exactly this item, for a new member of its project unless one is given."""
    annotator = annotator or make_member(item.project)
    first_of_all = 2**31 - 1
    Item.objects.filter(pk=item.pk).update(priority=first_of_all)
    assignment = services.claim_next(item.project, annotator)
    Item.objects.filter(pk=item.pk).update(priority=item.priority)
    assert assignment is not None, "nothing is open to this annotator"
    assert assignment.item_id == item.pk, "the item is not open to this annotator"
    return assignment


def make_annotation(
    item: Item,
    annotator: User | None = None,
    *,
    strength: int = 2,
    both_bad: bool = False,
    answer: dict[str, Any] | None = None,
    rationale: str = "",
) -> Annotation:
    """An answer in canonical order: positive strength means response 0 is better."""
    return services.submit_answer(
        make_assignment(item, annotator),
        answer=answer or {"strength": 0 if both_bad else strength, "both_bad": both_bad},
        rationale=rationale,
        submit_key=f"submit{next(_numbers)}",
        seconds=12.5,
    )
