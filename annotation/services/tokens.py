"""Tokens for the REST API: shown once, kept as a digest, revoked at will."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from knox.models import AuthToken

from annotation.services.errors import NotAllowed

MAX_TOKENS = 20


def add_token(user: User, days: int | None = None) -> tuple[AuthToken, str]:
    """A new token and its text, which nobody can read again; without `days` it never expires."""
    if tokens_of(user).count() >= MAX_TOKENS:
        raise NotAllowed(f"You have {MAX_TOKENS} tokens. Revoke one that you don't use first.")
    token, text = AuthToken.objects.create(user, timedelta(days=days) if days else None)
    return token, text


def tokens_of(user: User) -> QuerySet[AuthToken]:
    mine: QuerySet[AuthToken] = AuthToken.objects.filter(user=user).order_by("-created")
    return mine


def revoke_token(user: User, token_key: str) -> bool:
    """End the user's token with this beginning; False if there is none."""
    deleted, _ = tokens_of(user).filter(token_key=token_key).delete()
    return deleted > 0
