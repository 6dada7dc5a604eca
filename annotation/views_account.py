"""A person's own account: how they sign in, and what signs in for them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation import queries_account, services
from annotation.forms_account import TokenForm
from annotation.services import tokens
from annotation.views import SignedIn, form_status


@login_required
@never_cache
@require_safe
def account(request: SignedIn) -> HttpResponse:
    """Password, second factor, single sign-on, tokens, sessions."""
    return show(request, TokenForm())


def show(request: SignedIn, form: TokenForm, new_token: str = "") -> HttpResponse:
    page = queries_account.account_page(request.user)
    context = {"page": page, "form": form, "new_token": new_token}
    return render(request, "annotation/people/account.html", context, status=form_status(form))


@login_required
@never_cache
@require_POST
def add_token(request: SignedIn) -> HttpResponse:
    """Make a token for the API; the page that answers shows it, this once."""
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            _, text = tokens.add_token(request.user, form.cleaned_data["days"])
        except services.NotAllowed as refusal:
            form.add_error(None, str(refusal))
        else:
            return show(request, TokenForm(), text)
    return show(request, form)


@login_required
@never_cache
@require_POST
def revoke_token(request: SignedIn, key: str) -> HttpResponse:
    if not tokens.revoke_token(request.user, key):
        raise Http404("You have no such token.")
    messages.success(request, "The token does not work any more.")
    return redirect("account")


@login_required
@never_cache
@require_POST
def sign_out_everywhere(request: SignedIn) -> HttpResponse:
    """End all sessions of the reader, this one too."""
    services.sign_out_everywhere(request.user)
    request.session.flush()
    messages.success(request, "You are signed out everywhere.")
    return redirect("account_login")
