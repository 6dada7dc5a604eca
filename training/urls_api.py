"""Addresses of training's part of the REST API, below /api/v1/."""

from django.urls import path

from training import api

urlpatterns = [
    path("projects/<slug:slug>/checkpoints/", api.CheckpointList.as_view(), name="api_checkpoints"),
    path("projects/<slug:slug>/runs/", api.RunList.as_view(), name="api_runs"),
    path("projects/<slug:slug>/runs/<int:pk>/", api.RunDetail.as_view(), name="api_run"),
    path("projects/<slug:slug>/runs/<int:pk>/cancel/", api.Cancel.as_view(), name="api_cancel"),
    path("projects/<slug:slug>/runs/<int:pk>/metrics/", api.Metrics.as_view(), name="api_metrics"),
]
