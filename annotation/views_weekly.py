"""A person's week, the notice that it is ready, and whether they get it by e-mail."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import queries, queries_weekly, services
from annotation.forms_account import WeeklyMailForm
from annotation.forms_people import CommentForm
from annotation.services import weeks
from annotation.views import SignedIn


@login_required
@never_cache
@require_safe
def week(request: SignedIn, slug: str, monday: str = "") -> HttpResponse:
    """What the reader did in a week that is over, and where they differ from the researchers."""
    project = queries.find_project(slug, request.user, "annotate")
    chosen = queries_weekly.find_week(monday)
    context = {
        "project": project,
        "section": "me",
        "page": queries_weekly.week_page(project, request.user, chosen),
    }
    if request.method == "GET":
        weeks.mark_week_seen(project, request.user, chosen)
    return render(request, "annotation/people/week.html", context)


@login_required
@never_cache
@require_POST
def dismiss_week(request: SignedIn, slug: str, monday: str) -> HttpResponse:
    """Put the notice away; the page stays where it is."""
    project = queries.find_project(slug, request.user, "annotate")
    weeks.dismiss_week(project, request.user, queries_weekly.find_week(monday))
    if request.headers.get("HX-Request"):
        return HttpResponse()
    return redirect("me", slug)


@login_required
@never_cache
@require_POST
def write_about_week(request: SignedIn, slug: str, monday: str) -> HttpResponse:
    """The reader answers to those who run the project."""
    project = queries.find_project(slug, request.user, "annotate")
    chosen = queries_weekly.find_week(monday)
    form = CommentForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Write something first, of at most 4,000 characters.")
    else:
        try:
            services.comment(project, request.user, request.user, form.cleaned_data["text"])
            messages.success(request, "Sent. The managers see it on your page.")
        except services.AnswerInvalid as refusal:
            messages.error(request, refusal.message)
        except services.NotAllowed as refusal:
            messages.error(request, str(refusal))
    return redirect("week_of", slug, chosen.monday.isoformat())


@login_required
@never_cache
@require_POST
def choose_mail(request: SignedIn) -> HttpResponse:
    """Get the week by e-mail, or not."""
    form = WeeklyMailForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose whether you want your week by e-mail.")
        return redirect("account")
    weeks.choose_weekly_mail(request.user, form.cleaned_data["weekly"])
    wanted = form.cleaned_data["weekly"]
    messages.success(
        request, "You get your week by e-mail." if wanted else "You get no more e-mails."
    )
    return redirect("account")


@csrf_exempt  # the link itself is the permission; mail programs post without a page (RFC 8058)
@never_cache
@require_http_methods(["GET", "POST"])
def stop_mail(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link in a mail leads. Opening it changes nothing, because programs that look for
    harm in mails open links; one click, or the POST of a mail program, ends the e-mails."""
    reader = weeks.reader_of(token)
    if reader is None:
        raise Http404("This link is not complete, or it was for another address.")
    if request.method == "POST":
        weeks.choose_weekly_mail(reader, False)
    context = {"is_stopped": not weeks.wants_weekly_mail(reader)}
    return render(request, "annotation/mail/stop.html", context)
