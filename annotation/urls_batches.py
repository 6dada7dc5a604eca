"""Addresses of a project's batches."""

from django.urls import path

from annotation import views_batches as views

urlpatterns = [
    path("projects/<slug:slug>/batches/", views.batches, name="batches"),
    path("projects/<slug:slug>/batches/<int:pk>/", views.batch, name="batch"),
    path("projects/<slug:slug>/batches/<int:pk>/act/", views.batch_act, name="batch_act"),
]
