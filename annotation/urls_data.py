"""Addresses of a project's imports and exports."""

from django.urls import path

from annotation import views_browse
from annotation import views_data as views

urlpatterns = [
    path("projects/<slug:slug>/browse/", views_browse.browse, name="browse"),
    path("projects/<slug:slug>/browse/bulk/", views_browse.browse_bulk, name="browse_bulk"),
    path("projects/<slug:slug>/browse/<int:pk>/", views_browse.browse_item, name="browse_item"),
    path("projects/<slug:slug>/imports/", views.imports, name="imports"),
    path("projects/<slug:slug>/imports/<int:pk>/", views.import_detail, name="import_detail"),
    path("projects/<slug:slug>/exports/", views.exports, name="exports"),
    path(
        "projects/<slug:slug>/exports/<int:pk>/download/",
        views.export_download,
        name="export_download",
    ),
    path(
        "projects/<slug:slug>/exports/<int:pk>/delete/", views.export_delete, name="export_delete"
    ),
]
