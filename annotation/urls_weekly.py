"""Addresses of a person's week."""

from django.urls import path

from annotation import views_weekly as views

urlpatterns = [
    path("projects/<slug:slug>/week/", views.week, name="week"),
    path("projects/<slug:slug>/week/<str:monday>/", views.week, name="week_of"),
    path(
        "projects/<slug:slug>/week/<str:monday>/dismiss/", views.dismiss_week, name="dismiss_week"
    ),
]
