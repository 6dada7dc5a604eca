"""Addresses of a person's week, on the page and by e-mail."""

from django.urls import path

from annotation import views_weekly as views

urlpatterns = [
    path("projects/<slug:slug>/week/", views.week, name="week"),
    path("projects/<slug:slug>/week/<str:monday>/", views.week, name="week_of"),
    path(
        "projects/<slug:slug>/week/<str:monday>/dismiss/", views.dismiss_week, name="dismiss_week"
    ),
    path(
        "projects/<slug:slug>/week/<str:monday>/write/",
        views.write_about_week,
        name="write_about_week",
    ),
    path("account/mail/", views.choose_mail, name="choose_mail"),
    path("mail/stop/<str:token>/", views.stop_mail, name="stop_mail"),
]
