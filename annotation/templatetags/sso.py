"""Whether single sign-on is set up, for the pages that offer it."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def sso_name() -> str:
    """What the sign-on is called; empty where there is none."""
    return settings.OIDC_NAME if settings.OIDC_IS_ON else ""
