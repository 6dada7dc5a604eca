"""What a person's own account page shows: see `queries`."""

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from annotation import second_factor
from annotation.services.tokens import tokens_of
from annotation.services.weeks import wants_weekly_mail


@dataclass(frozen=True)
class TokenLine:
    """A token of the API; `key` is how it begins, and no secret."""

    key: str
    created: datetime
    expires: datetime | None
    has_expired: bool


@dataclass(frozen=True)
class AccountPage:
    """`codes_left` are unused recovery codes. `has_weekly_mail` says whether weeks are mailed at
    all, `wants_weekly_mail` whether to this person."""

    has_second_factor: bool
    needs_second_factor: bool
    codes_left: int
    has_sso: bool
    tokens: list[TokenLine]
    has_weekly_mail: bool
    wants_weekly_mail: bool


def account_page(user: User) -> AccountPage:
    kept = {each.type: each for each in Authenticator.objects.filter(user=user)}
    codes = kept.get(Authenticator.Type.RECOVERY_CODES)
    return AccountPage(
        has_second_factor=Authenticator.Type.TOTP in kept,
        needs_second_factor=second_factor.is_required_of(user),
        codes_left=len(codes.wrap().get_unused_codes()) if codes else 0,
        tokens=[
            TokenLine(each.token_key, each.created, each.expiry, has_expired=_is_past(each.expiry))
            for each in tokens_of(user)
        ],
        has_weekly_mail=settings.WEEKLY_MAIL_IS_ON,
        wants_weekly_mail=wants_weekly_mail(user),
        has_sso=SocialAccount.objects.filter(user=user).exists(),
    )


def _is_past(moment: datetime | None) -> bool:
    return moment is not None and moment <= timezone.now()
