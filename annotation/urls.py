"""Addresses of the annotator's screen and of a project's own pages."""

from django.urls import include, path

from annotation import views, views_diff, views_opt_outs

urlpatterns = [
    path("", views.home, name="home"),
    path("projects/new/", views.project_new, name="project_new"),
    path("projects/<slug:slug>/", views.project, name="project"),
    path("projects/<slug:slug>/annotate/", views.annotate, name="annotate"),
    path("projects/<slug:slug>/next/", views.next_item, name="next_item"),
    path("projects/<slug:slug>/undo/", views.undo, name="undo"),
    path("projects/<slug:slug>/categories/", views_opt_outs.categories, name="categories"),
    path("projects/<slug:slug>/guidelines/", views.guidelines, name="guidelines"),
    path("projects/<slug:slug>/members/", views.members, name="members"),
    path("projects/<slug:slug>/members/<int:pk>/", views.member, name="member"),
    path("projects/<slug:slug>/settings/", views.project_settings, name="project_settings"),
    path("assignments/<uuid:key>/submit/", views.submit, name="submit"),
    path("assignments/<uuid:key>/skip/", views.skip, name="skip"),
    path("assignments/<uuid:key>/flag/", views.flag, name="flag"),
    path("assignments/<uuid:key>/draft/", views.draft, name="draft"),
    path("assignments/<uuid:key>/heartbeat/", views.heartbeat, name="heartbeat"),
    path("assignments/<uuid:key>/opt-out/", views_opt_outs.opt_out, name="opt_out"),
    path("assignments/<uuid:key>/diff/", views_diff.word_diff, name="word_diff"),
    path("", include("annotation.urls_data")),
    path("", include("annotation.urls_prompts")),
    path("", include("annotation.urls_preview")),
    path("", include("annotation.urls_builders")),
    path("", include("annotation.urls_people")),
    path("", include("annotation.urls_gold")),
    path("", include("annotation.urls_invitations")),
    path("", include("annotation.urls_account")),
    path("", include("annotation.urls_flow")),
    path("", include("annotation.urls_batches")),
    path("", include("annotation.urls_chat")),
    path("", include("annotation.urls_review")),
    path("", include("annotation.urls_weekly")),
]
