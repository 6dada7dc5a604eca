"""Addresses of the annotator's screen and of a project's own pages."""

from django.urls import include, path

from annotation import views

urlpatterns = [
    path("", views.home, name="home"),
    path("projects/new/", views.project_new, name="project_new"),
    path("projects/<slug:slug>/", views.project, name="project"),
    path("projects/<slug:slug>/annotate/", views.annotate, name="annotate"),
    path("projects/<slug:slug>/next/", views.next_item, name="next_item"),
    path("projects/<slug:slug>/undo/", views.undo, name="undo"),
    path("projects/<slug:slug>/guidelines/", views.guidelines, name="guidelines"),
    path("projects/<slug:slug>/members/", views.members, name="members"),
    path("projects/<slug:slug>/members/<int:pk>/", views.member, name="member"),
    path("projects/<slug:slug>/settings/", views.project_settings, name="project_settings"),
    path("assignments/<uuid:key>/submit/", views.submit, name="submit"),
    path("assignments/<uuid:key>/skip/", views.skip, name="skip"),
    path("assignments/<uuid:key>/flag/", views.flag, name="flag"),
    path("assignments/<uuid:key>/draft/", views.draft, name="draft"),
    path("assignments/<uuid:key>/heartbeat/", views.heartbeat, name="heartbeat"),
    path("", include("annotation.urls_data")),
]
