"""What every table of the admin panel shares: reading, and only inside of one's own projects."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from annotation.models import Project
from annotation.permissions import can, roles_for

if TYPE_CHECKING:  # generic for the type checker alone
    Table = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    Table, Inline = admin.ModelAdmin, admin.TabularInline


class ProjectAdmin(Table):
    """Rows of the projects in which a member of staff is a researcher, for reading.

    Django's own permissions count for nothing here: the role in the project decides, as everywhere
    else. What is to be changed is changed on the project's pages, where the rules hold.
    """

    to_project: str = "project"
    """The way from a row to its project, as a lookup; "" for the project itself."""

    list_per_page = 50
    show_full_result_count = False  # counting a million rows twice takes seconds
    actions: Any = None

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """A column that is not shown cannot be guessed by filtering on it either."""
        hidden = set(self.exclude or ())
        return not hidden & set(lookup.split("__")) and super().lookup_allowed(
            lookup, value, request
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if request.user.is_superuser:
            return rows
        way = f"{self.to_project}__memberships" if self.to_project else "memberships"
        mine = {f"{way}__user": request.user.pk, f"{way}__role__in": roles_for("research")}
        return rows.filter(**mine)

    def project_of(self, row: Model) -> Project | None:
        """The project a row belongs to; None for what belongs to all."""
        found: Any = row
        for name in filter(None, self.to_project.split("__")):
            found = getattr(found, name)
        return found if isinstance(found, Project) else None

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        """All of them, those among them that Django would leave out of a form."""
        hidden = self.exclude or ()
        return [field.name for field in self.opts.fields if field.name not in hidden]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        user = request.user
        if not (user.is_active and user.is_staff):
            return False
        if user.is_superuser or obj is None:
            return True  # the list shows what get_queryset lets through
        project = self.project_of(obj)
        return project is not None and can(user, "research", project)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyInline(Inline):
    """Rows that belong to the one shown; whoever may see that may see these."""

    extra = 0
    can_delete = False
    show_change_link = True

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return list(self.fields or ())

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True  # the page around it has been allowed

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
