"""A project's imports and exports: parse, call one job or query, render."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import queries_data
from annotation.exports import jobs as export_jobs
from annotation.exports.writer import manifest_path
from annotation.forms_data import ExportForm, ImportForm
from annotation.imports import jobs as import_jobs
from annotation.models import Export, Project
from annotation.queries import find_project
from annotation.queries_data import filter_choices


class SignedIn(HttpRequest):
    user: User


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: SignedIn, slug: str) -> HttpResponse:
    """What was read in, and the form that takes the next file."""
    project = find_project(slug, request.user, "research")
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if form.is_valid():
        cleaned = form.cleaned_data
        batch = import_jobs.add_upload(
            project,
            cleaned["kind"],
            cleaned["format"],
            cleaned["file"].chunks(),
            cleaned["file"].name,
            request.user,
        )
        return redirect("import_detail", slug, batch.pk)
    context = _context(project, form=form, lines=queries_data.imports_page(project))
    return render(request, "annotation/imports.html", context, status=422 if form.errors else 200)


@login_required
@never_cache
@require_safe
def import_detail(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """The account of one file; asked by htmx, its live part alone."""
    project = find_project(slug, request.user, "research")
    line = queries_data.import_line(project, pk)
    rejections = queries_data.rejections(line, request.GET.get("page"))
    context = _context(project, line=line, rejections=rejections)
    is_fragment = request.headers.get("HX-Request") == "true"
    template = "annotation/_import.html" if is_fragment else "annotation/import_detail.html"
    return render(request, template, context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: SignedIn, slug: str) -> HttpResponse:
    """What was written, and the form that asks for the next file."""
    project = find_project(slug, request.user, "research")
    form = ExportForm(
        request.POST if request.method == "POST" else None, choices=filter_choices(project)
    )
    if form.is_valid():
        export_jobs.add_export(
            project,
            form.cleaned_data["format"],
            form.cleaned_data["suffix"],
            split=form.cleaned_data["split"] or None,
            filters=form.filters(),
            user=request.user,
        )
        return redirect("exports", slug)
    context = _context(project, form=form, page=queries_data.exports_page(project))
    is_fragment = request.headers.get("HX-Request") == "true"
    template = "annotation/_exports.html" if is_fragment else "annotation/exports.html"
    return render(request, template, context, status=422 if form.errors else 200)


@login_required
@never_cache
@require_safe
def export_download(request: SignedIn, slug: str, pk: int) -> FileResponse:
    """The file itself, always as an attachment; `?part=manifest` gives its manifest."""
    project = find_project(slug, request.user, "research")
    return file_response(queries_data.find_export(project, pk), request.GET.get("part"))


@login_required
@require_POST
def export_delete(request: SignedIn, slug: str, pk: int) -> HttpResponse:
    """Remove the file and its row."""
    project = find_project(slug, request.user, "research")
    export_jobs.delete_export(queries_data.find_export(project, pk))
    messages.success(request, "The export is deleted.")
    return redirect("exports", slug)


def file_response(export: Export, part: str | None) -> FileResponse:
    """The export's file or manifest; Http404 while there is none."""
    path = export_jobs.file_path(export)
    if part == "manifest":
        path = manifest_path(path)
    if export.status != Export.Status.FINISHED or not path.is_file():
        raise Http404("This export has no file.")
    return FileResponse(
        path.open("rb"),
        as_attachment=True,
        filename=path.name,
        content_type="application/octet-stream",
    )


def _context(project: Project, **more: Any) -> dict[str, Any]:
    return {"project": project, "section": "data"} | more
