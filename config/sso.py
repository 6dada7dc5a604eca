"""Single sign-on: who may come in by the OpenID Connect server that the environment names."""

from typing import Any

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse

from annotation import queries_invitations, services
from annotation.models import Invitation

STRANGER = (
    "You are known there, but not here. Ask a manager for an invitation, open its link, and sign "
    "in this way from that page."
)


class SsoAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Nobody is signed up who has neither an invitation nor an account with the same address."""

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The account that has an address which both sides verified."""
        for address in verified(sociallogin):
            known = EmailAddress.objects.filter(email__iexact=address, verified=True)
            if owner := known.select_related("user").first():
                return owner.user, address
        return None

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Make the account of somebody invited; whoever is neither known nor invited ends here."""
        if sociallogin.is_existing or sociallogin.state.get("process") == "connect":
            return
        invitation = invitation_of(sociallogin)
        if invitation is None and not settings.OIDC_AUTO_JOIN:
            raise ImmediateHttpResponse(refusal(request, STRANGER))
        try:
            self.sign_up(request, sociallogin, invitation)
        except services.NotAllowed as why:
            raise ImmediateHttpResponse(refusal(request, str(why))) from None
        if invitation is not None:
            sociallogin.state["next"] = reverse("project", args=[invitation.project.slug])

    @transaction.atomic
    def sign_up(
        self, request: HttpRequest, sociallogin: SocialLogin, invitation: Invitation | None
    ) -> None:
        user = sociallogin.user
        names = [user.username, user.email.partition("@")[0], "person"]
        user.username = get_account_adapter().generate_unique_username(names)
        user.set_unusable_password()
        sociallogin.save(request)
        if invitation is not None:
            services.accept_invitation(invitation, user)


def verified(sociallogin: SocialLogin) -> list[str]:
    """Addresses that the server vouches for. A server may say "false", which is true in Python."""
    return [each.email for each in sociallogin.email_addresses if each.verified is True]


def invitation_of(sociallogin: SocialLogin) -> Invitation | None:
    """The invitation from whose page the person came, or one to an address of theirs."""
    try:
        match = resolve(sociallogin.state.get("next") or "")
    except Resolver404:
        match = None
    if match is not None and match.url_name == "join":
        return queries_invitations.invitation_by(match.kwargs["secret"])
    return queries_invitations.invitation_to(verified(sociallogin))


def refusal(request: HttpRequest, why: str) -> Any:
    return render(request, "account/signup_closed.html", {"why": why}, status=403)
