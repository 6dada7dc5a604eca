"""Addresses of what people read before they go on, and of what is said to them."""

from django.urls import path

from annotation import views_people as views

urlpatterns = [
    path("projects/<slug:slug>/acknowledge/", views.acknowledge, name="acknowledge"),
    path("projects/<slug:slug>/write_back/", views.write_back, name="write_back"),
    path("assignments/<uuid:key>/reveal/", views.reveal, name="reveal"),
    path("projects/<slug:slug>/me/", views.me, name="me"),
    path("projects/<slug:slug>/people/<int:pk>/", views.person, name="person"),
]
