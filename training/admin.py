"""Runs, checkpoints and snapshots in the admin: lists to find things by.

Nothing is changed here. "Add" leads to the launch form, a row to its page: both say what is wrong
with a run before it starts, which the admin's own form cannot.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from annotation.models import Project
from annotation.permissions import roles_for
from training.models import Checkpoint, Run, Snapshot

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin


def research_projects(request: HttpRequest) -> QuerySet[Project]:
    """The projects in which this person may do research."""
    projects = Project.objects.all()
    if request.user.is_superuser:
        return projects
    return projects.filter(
        memberships__user=request.user.pk, memberships__role__in=roles_for("research")
    )


class ReadOnly(Base):
    """A list of what belongs to the reader's projects."""

    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows: QuerySet[Model] = super().get_queryset(request)
        return rows.filter(project__in=research_projects(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        user = request.user
        return user.is_active and user.is_staff and research_projects(request).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ("__str__", "project", "status", "checkpoint", "snapshot", "round", "created")
    list_filter = ("status", "algorithm")
    list_select_related = ("project", "checkpoint", "snapshot__project")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The launch pages, of the only project or of the one that was used last."""
        newest = research_projects(request).order_by("-runs__created", "-created").first()
        if newest is None:
            return redirect("home")
        return redirect("training:run_list", newest.slug)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        if run is None:
            return redirect("admin:training_run_changelist")
        return redirect("training:run", run.project.slug, run.pk)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = ("label", "slug", "project", "role", "origin", "status", "size_bytes", "created")
    list_filter = ("role", "origin", "status")
    search_fields = ("slug", "label")
    list_select_related = ("project",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """Also those that are for all projects."""
        rows = admin.ModelAdmin.get_queryset(self, request)
        own = rows.filter(project__in=research_projects(request))
        return own | rows.filter(project=None)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        checkpoint = self.get_object(request, object_id)
        project = checkpoint.project if checkpoint else None
        project = project or research_projects(request).first()
        if checkpoint is None or project is None:
            return redirect("admin:training_checkpoint_changelist")
        return redirect(f"{reverse('training:checkpoints', args=[project.slug])}#{checkpoint.slug}")


@admin.register(Snapshot)
class SnapshotAdmin(ReadOnly):
    list_display = ("__str__", "number", "project", "sha256", "created", "created_by")
    list_select_related = ("project", "created_by")

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        snapshot = self.get_object(request, object_id)
        if snapshot is None:
            return redirect("admin:training_snapshot_changelist")
        return redirect("training:snapshots", snapshot.project.slug)
