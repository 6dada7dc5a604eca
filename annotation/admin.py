"""The admin panel's view of what is asked and answered: for reading, finding and looking closely.

Nothing said by an annotator can be changed or deleted here, not even by a superuser: answers are
rows that are only ever added. Accounts are kept by superusers alone, so nobody can become one.
"""

from typing import TYPE_CHECKING, Any

from allauth.mfa import admin as mfa_admin
from allauth.socialaccount import admin as social_admin
from django.contrib import admin
from django.contrib.admin import RelatedOnlyFieldListFilter
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from knox import admin as knox_admin

from annotation.admin_base import ProjectAdmin, ReadOnlyInline
from annotation.models import (
    Annotation,
    Assignment,
    Candidate,
    Conversation,
    Endpoint,
    Export,
    Flag,
    Guideline,
    ImportBatch,
    ImportRejection,
    Item,
    ItemResponse,
    Membership,
    Project,
    Prompt,
    Response,
    ResponseScore,
    Source,
    Turn,
)
from annotation.permissions import can

admin.site.site_header = "Prefloop"
admin.site.index_title = "Everything, table by table"
admin.site.unregister(Group)  # roles in projects decide, not groups
admin.site.unregister(
    knox_admin.models.AuthToken
)  # tokens are made and revoked through the API, by their owners
admin.site.unregister(User)
for table in (social_admin.SocialApp, social_admin.SocialToken):
    admin.site.unregister(table)  # the environment names the one server
admin.site.unregister(mfa_admin.Authenticator)  # its form would show the secret

if TYPE_CHECKING:  # generic for the type checker alone
    UserTable = UserAdmin[User]
else:
    UserTable = UserAdmin

BY_PROJECT = ("project", RelatedOnlyFieldListFilter)


@admin.register(User)
class AccountAdmin(UserTable):
    """Accounts, for superusers alone: whoever may edit accounts may make superusers."""

    list_display = ("username", "is_active", "is_staff", "is_superuser", "last_login")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser


class MembershipInline(ReadOnlyInline):
    model = Membership
    fields = ("user", "role", "created")


@admin.register(Project)
class ProjectTable(ProjectAdmin):
    to_project = ""
    list_display = ("name", "slug", "task_type", "answers_per_item", "is_archived", "created")
    list_filter = ("is_archived", "task_type")
    search_fields = ("name", "slug")
    inlines = [MembershipInline]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """New projects begin on the page that also takes their guidelines and people."""
        return HttpResponseRedirect(reverse("project_new"))

    def view_on_site(self, obj: Project) -> str:
        return reverse("project", args=[obj.slug])


@admin.register(Guideline)
class GuidelineTable(ProjectAdmin):
    list_display = ("project", "version", "created", "created_by")
    list_filter = (BY_PROJECT,)
    list_select_related = ("project", "created_by")


class RejectionInline(ReadOnlyInline):
    model = ImportRejection
    fields = ("line", "reason")
    show_change_link = False
    max_shown = 200

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRejection]:
        # A file in the wrong format has as many rejections as lines; the project's page has all.
        rows = super().get_queryset(request)
        number = request.resolver_match.kwargs.get("object_id") if request.resolver_match else None
        first = rows.filter(batch=number).values("pk")[: self.max_shown]
        return rows.filter(pk__in=list(first.values_list("pk", flat=True)))


@admin.register(ImportBatch)
class ImportTable(ProjectAdmin):
    list_display = (
        "file_name",
        "project",
        "kind",
        "format",
        "status",
        "line_count",
        "known_count",
        "rejected_count",
        "created",
    )
    list_filter = (BY_PROJECT, "status", "kind")
    list_select_related = ("project",)
    inlines = [RejectionInline]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Uploads are taken on the pages of a project: of the only one, else of one to choose."""
        mine = [
            p for p in Project.objects.visible_to(request.user) if can(request.user, "research", p)
        ]
        page = reverse("imports", args=[mine[0].slug]) if len(mine) == 1 else reverse("home")
        if len(mine) != 1:
            self.message_user(request, "Choose a project; its page Data → Imports takes the file.")
        return HttpResponseRedirect(page)

    def view_on_site(self, obj: ImportBatch) -> str:
        return reverse("import_detail", args=[obj.project.slug, obj.pk])


@admin.register(Export)
class ExportTable(ProjectAdmin):
    list_display = ("id", "project", "format", "suffix", "status", "row_count", "created")
    list_filter = (BY_PROJECT, "status", "format")
    list_select_related = ("project",)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Exports are ordered on the pages of a project: of the only one, else of one to choose."""
        mine = [
            p for p in Project.objects.visible_to(request.user) if can(request.user, "research", p)
        ]
        page = reverse("exports", args=[mine[0].slug]) if len(mine) == 1 else reverse("home")
        if len(mine) != 1:
            self.message_user(request, "Choose a project; its page Data → Exports writes the file.")
        return HttpResponseRedirect(page)

    def view_on_site(self, obj: Export) -> str:
        return reverse("exports", args=[obj.project.slug])


@admin.register(Source)
class SourceTable(ProjectAdmin):
    list_display = ("slug", "label", "kind", "project", "created")
    list_filter = (BY_PROJECT, "kind")
    list_select_related = ("project",)
    search_fields = ("slug", "label")


@admin.register(Prompt)
class PromptTable(ProjectAdmin):
    list_display = ("id", "project", "__str__", "split", "category", "created")
    list_filter = (BY_PROJECT, "split")
    list_select_related = ("project",)
    search_fields = ("=content_hash", "=external_id", "category")


@admin.register(Response)
class ResponseTable(ProjectAdmin):
    to_project = "prompt__project"
    list_display = ("id", "__str__", "source", "is_truncated", "created")
    list_filter = (("source", RelatedOnlyFieldListFilter), "is_truncated")
    list_select_related = ("source", "prompt__project")
    exclude = ("token_ids",)


@admin.register(ResponseScore)
class ScoreTable(ProjectAdmin):
    to_project = "response__prompt__project"
    list_display = ("response_id", "scorer", "value", "std")


class ItemResponseInline(ReadOnlyInline):
    model = ItemResponse
    fields = ("position", "response")


class AssignmentInline(ReadOnlyInline):
    model = Assignment
    fields = ("annotator", "status", "slot", "display_order", "claimed", "active_seconds")


@admin.register(Item)
class ItemTable(ProjectAdmin):
    list_display = (
        "id",
        "project",
        "task_type",
        "status",
        "answers_wanted",
        "answer_count",
        "open_slots",
        "priority",
        "round",
        "origin",
    )
    list_filter = (BY_PROJECT, "status", "origin", "task_type")
    list_select_related = ("project",)
    search_fields = ("=id", "=key")
    inlines = [ItemResponseInline, AssignmentInline]


class AnnotationInline(ReadOnlyInline):
    model = Annotation
    fields = ("revision", "kind", "answer", "rationale", "seconds", "created")


@admin.register(Assignment)
class AssignmentTable(ProjectAdmin):
    to_project = "item__project"
    list_display = ("key", "item", "annotator", "status", "slot", "claimed", "lease_until")
    list_filter = ("status",)
    list_select_related = ("item__project", "annotator")
    search_fields = ("=key", "annotator__username")
    inlines = [AnnotationInline]


@admin.register(Annotation)
class AnnotationTable(ProjectAdmin):
    to_project = "assignment__item__project"
    list_display = ("id", "item", "annotator", "revision", "kind", "answer", "seconds", "created")
    list_filter = ("kind",)
    list_select_related = ("assignment__item__project", "assignment__annotator")
    search_fields = ("assignment__annotator__username", "rationale")

    def item(self, annotation: Annotation) -> str:
        return str(annotation.assignment.item)

    def annotator(self, annotation: Annotation) -> str:
        return annotation.assignment.annotator.get_username()


@admin.register(Flag)
class FlagTable(ProjectAdmin):
    to_project = "item__project"
    list_display = ("item", "reason", "note", "annotator", "created", "resolved")
    list_filter = ("reason", ("resolved", admin.EmptyFieldListFilter))
    list_select_related = ("item__project", "annotator")
    actions = ["resolve"]

    @admin.action(description="Mark as resolved")
    def resolve(self, request: HttpRequest, flags: QuerySet[Flag]) -> None:
        """`flags` went through get_queryset: they are of projects that this person researches."""
        count = flags.filter(resolved=None).update(resolved=timezone.now())
        self.message_user(request, f"{count} flags are resolved.")


@admin.register(Endpoint)
class EndpointTable(ProjectAdmin):
    """Without the key, which nobody sees again."""

    list_display = ("label", "project", "model", "address", "served", "candidates", "created")
    list_filter = (BY_PROJECT,)
    list_select_related = ("project",)
    exclude = ("api_key",)


class TurnInline(ReadOnlyInline):
    model = Turn
    fields = ("number", "text", "status", "error", "item", "created")


@admin.register(Conversation)
class ConversationTable(ProjectAdmin):
    list_display = ("key", "project", "annotator", "created")
    list_filter = (BY_PROJECT,)
    list_select_related = ("project", "annotator")
    exclude = ("draft",)
    inlines = [TurnInline]


class CandidateInline(ReadOnlyInline):
    model = Candidate
    fields = ("place", "endpoint", "response", "error", "seconds")


@admin.register(Turn)
class TurnTable(ProjectAdmin):
    to_project = "conversation__project"
    list_display = ("id", "conversation", "number", "status", "error", "attempt", "created")
    list_filter = ("status",)
    list_select_related = ("conversation__project",)
    inlines = [CandidateInline]
