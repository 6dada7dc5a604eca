"""Where REQUIRE_MFA_FOR acts: one gate before all pages, and no way to take the factor off."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from annotation import second_factor

# What somebody without the second factor needs to set it up, or to leave.
OPEN = {
    "mfa_activate_totp",
    "account_reauthenticate",
    "mfa_reauthenticate",
    "account_login",
    "account_logout",
    "healthz",
}
SENTENCE = "Set up the second factor first: your role needs one here."


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This is not the code of now. Type the one that the app shows.",
        "cannot_delete_authenticator": "Your role needs the second factor here: it stays on.",
    }

    def get_totp_label(self, user: User) -> str:
        return user.get_username()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        return not second_factor.is_required_of(authenticator.user)


class SecondFactorMiddleware:
    """Whoever has to have a second factor sets it up before anything else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is not None and match.view_name in OPEN:
            return None
        if not second_factor.is_missing(request.user):
            return None
        address = reverse("mfa_activate_totp")
        if request.method not in ("GET", "HEAD") or request.path.startswith("/api/"):
            return JsonResponse({"message": SENTENCE, "detail": SENTENCE}, status=403)
        messages.info(request, SENTENCE)
        return HttpResponseRedirect(address)
