"""What the frame of a page needs to know: what the reader may do here, which link is the page."""

from typing import Any

from django import template

from annotation import permissions, queries_chat, queries_projects, queries_threads, queries_weekly
from annotation.models import Project
from annotation.weekly.week import Week

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
    """For aria-current: "page" at `url` itself, "true" below it."""
    path = context["request"].path
    if not url or not path.startswith(url):
        return ""
    return "page" if path == url else "true"


@register.simple_tag
def chat_is_on(project: Project) -> bool:
    """Whether people can chat with models in the project."""
    return queries_chat.chat_is_on(project)


@register.simple_tag(takes_context=True)
def unread_comments(context: dict[str, Any], project: Project) -> int:
    """How many comments on the reader's own answers they have not seen."""
    return queries_threads.unread_count(project, context["request"].user)


@register.simple_tag(takes_context=True)
def week_ready(context: dict[str, Any], project: Project) -> Week | None:
    """The week that the reader is to be told of, until they open or dismiss it."""
    return queries_weekly.week_ready(project, context["request"].user)


@register.simple_tag(takes_context=True)
def research_lines(context: dict[str, Any]) -> list[queries_projects.ProjectLine]:
    """The projects in which the reader may train, as on the home page; for the admin's index."""
    roles = permissions.roles_for("research")
    return [line for line in queries_projects.home(context["request"].user) if line.role in roles]


@register.filter
def percent(share: float) -> str:
    """0.873 → "87 %"."""
    return f"{share:.0%}".replace("%", " %")
