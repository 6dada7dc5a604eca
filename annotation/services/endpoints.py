"""The models that a project may chat with."""

from itertools import chain, count
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from annotation.chat.client import AddressInvalid, check_address
from annotation.models import MAX_CANDIDATES, Endpoint, Project, Source
from annotation.services.chat_turns import PEOPLE
from annotation.services.content import get_or_add_source
from annotation.services.errors import AnswerInvalid


@transaction.atomic
def add_endpoint(
    project: Project,
    *,
    label: str,
    address: str = "",
    model: str = "",
    served: tuple[str, str] | None = None,
    **fields: Any,
) -> Endpoint:
    """Let a project chat with a model: one at an address, or `served` here as (name, label).

    Raises AnswerInvalid for the field to mend.
    """
    Project.objects.select_for_update().get(pk=project.pk)
    if project.endpoints.filter(label=label).exists():
        raise AnswerInvalid("label", "This project has an endpoint of that name.")
    if served:
        source = get_or_add_source(project, served[0], served[1], Source.Kind.CHECKPOINT)
    else:
        try:
            check_address(address)
        except AddressInvalid as error:
            raise AnswerInvalid("address", str(error)) from None
        source = get_or_add_source(project, _free_slug(project, label), label, Source.Kind.MODEL)
    endpoint = Endpoint(
        project=project,
        source=source,
        label=label,
        address=address,
        model=model,
        served=served[0] if served else "",
        **fields,
    )
    endpoint.full_clean()
    endpoint.save()
    _refuse_too_many(project)
    return endpoint


def _free_slug(project: Project, label: str) -> str:
    """A source's slug that nothing else in the project has: another's answers are not its own."""
    wanted = slugify(label).replace("-", "_")[:90] or "endpoint"
    taken = {PEOPLE, *project.sources.values_list("slug", flat=True)}
    slugs = chain([wanted], (f"{wanted}_{number}" for number in count(2)))
    return next(slug for slug in slugs if slug not in taken)


@transaction.atomic
def update_endpoint(endpoint: Endpoint, *, api_key: str = "", **fields: Any) -> Endpoint:
    """Change how a model is asked, and how often; an empty `api_key` keeps the one there is."""
    Project.objects.select_for_update().get(pk=endpoint.project_id)
    changed = fields | ({"api_key": api_key} if api_key else {})
    for name, value in changed.items():
        setattr(endpoint, name, value)
    endpoint.full_clean()
    endpoint.save(update_fields=list(changed))
    _refuse_too_many(endpoint.project)
    return endpoint


def _refuse_too_many(project: Project) -> None:
    if len(plan(project)) > MAX_CANDIDATES:
        raise AnswerInvalid(
            "candidates", f"A turn has at most {MAX_CANDIDATES} answers, all models together."
        )


def plan(project: Project) -> list[Endpoint]:
    """Who answers a turn, one entry an answer. Chat is on where there are two or more."""
    endpoints = project.endpoints.filter(candidates__gt=0).order_by("id")
    return [endpoint for endpoint in endpoints for _ in range(endpoint.candidates)]
