"""Addresses about a project's prompts: categories, coverage, and those from production."""

from django.urls import path

from annotation import views_coverage, views_logs, views_prompts

urlpatterns = [
    path("projects/<slug:slug>/prompts/", views_prompts.prompts, name="prompts"),
    path("projects/<slug:slug>/coverage/", views_coverage.coverage, name="coverage"),
    path(
        "projects/<slug:slug>/coverage/<slug:table>.csv",
        views_coverage.coverage_csv,
        name="coverage_csv",
    ),
    path("projects/<slug:slug>/logs/", views_logs.logs, name="logs"),
    path("projects/<slug:slug>/logs/preview/", views_logs.logs_preview, name="logs_preview"),
]
