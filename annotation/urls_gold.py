"""Addresses of a project's gold, for researchers."""

from django.urls import path

from annotation import views_gold as views

urlpatterns = [
    path("projects/<slug:slug>/gold/", views.gold, name="gold"),
    path("projects/<slug:slug>/gold/new/<int:pk>/", views.gold_new, name="gold_new"),
    path("projects/<slug:slug>/gold/make/<int:pk>/", views.gold_make, name="gold_make"),
    path("projects/<slug:slug>/gold/<int:pk>/retire/", views.gold_retire, name="gold_retire"),
]
