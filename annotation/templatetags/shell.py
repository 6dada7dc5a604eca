"""What the frame of a page needs to know: what the reader may do here, which link is the page."""

from typing import Any

from django import template

from annotation import permissions, queries
from annotation.models import Project

register = template.Library()


@register.simple_tag(takes_context=True)
def allowed_verbs(context: dict[str, Any], project: Project | None) -> frozenset[str]:
    """The verbs ("annotate", "review", "research", "manage") that the reader may do here."""
    request = context.get("request")
    if project is None or request is None or not hasattr(request, "user"):
        return frozenset()
    role = permissions.role_of(request.user, project)
    return frozenset(verb for verb in permissions.VERBS if role in permissions.roles_for(verb))


@register.simple_tag(takes_context=True)
def current(context: dict[str, Any], url: str) -> str:
    """ "page" when `url` is the address being shown, for aria-current."""
    return "page" if url and context["request"].path == url else ""


@register.simple_tag(takes_context=True)
def research_lines(context: dict[str, Any]) -> list[queries.ProjectLine]:
    """The projects in which the reader may train, as on the home page; for the admin's index."""
    roles = permissions.roles_for("research")
    return [line for line in queries.home(context["request"].user) if line.role in roles]
