"""Addresses of a project's imports and exports."""

from django.urls import path

from annotation import views_data as views

urlpatterns = [
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
