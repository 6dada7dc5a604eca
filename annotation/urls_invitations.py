"""Addresses of invitations."""

from django.urls import path

from annotation import views_invitations as views

urlpatterns = [
    path("projects/<slug:slug>/invitations/", views.invite, name="invite"),
    path(
        "projects/<slug:slug>/invitations/<int:pk>/revoke/",
        views.revoke_invitation,
        name="revoke_invitation",
    ),
    path("join/<str:secret>/", views.join, name="join"),
]
