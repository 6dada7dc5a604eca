"""What a dataset was chosen by, in words."""

from collections.abc import Mapping
from typing import Any

from django import template

from annotation.exports import filters

register = template.Library()


@register.filter
def in_words(chosen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, value) of each filter that is set."""
    return filters.in_words(chosen)
