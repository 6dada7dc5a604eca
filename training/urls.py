"""Addresses of the researcher's pages about training."""

from django.urls import path

from training import views, views_annotators

app_name = "training"

PROJECT = "projects/<slug:slug>"

urlpatterns = [
    path(f"{PROJECT}/runs/", views.run_list, name="run_list"),
    path(f"{PROJECT}/runs/compare/", views.compare, name="compare"),
    path(f"{PROJECT}/runs/compare/metrics/", views.compare_metrics, name="compare_metrics"),
    path(f"{PROJECT}/runs/new/<slug:algorithm>/", views.run_new, name="run_new"),
    path(f"{PROJECT}/runs/<int:pk>/", views.run, name="run"),
    path(f"{PROJECT}/runs/<int:pk>/live/", views.live, name="live"),
    path(f"{PROJECT}/runs/<int:pk>/metrics/", views.metrics, name="metrics"),
    path(f"{PROJECT}/runs/<int:pk>/log/", views.log, name="log"),
    path(f"{PROJECT}/runs/<int:pk>/cancel/", views.cancel, name="cancel"),
    path(f"{PROJECT}/runs/<int:pk>/resume/", views.resume, name="resume"),
    path(f"{PROJECT}/checkpoints/", views.checkpoints, name="checkpoints"),
    path(f"{PROJECT}/checkpoints/live/", views.checkpoints_live, name="checkpoints_live"),
    path(f"{PROJECT}/checkpoints/<slug:checkpoint>/fetch/", views.fetch, name="fetch"),
    path(f"{PROJECT}/checkpoints/<slug:checkpoint>/download/", views.download, name="download"),
    path(f"{PROJECT}/snapshots/", views.snapshots, name="snapshots"),
    path(f"{PROJECT}/results/", views.results, name="results"),
    path(
        f"{PROJECT}/annotators/<int:pk>/runs/",
        views_annotators.annotator_runs,
        name="annotator_runs",
    ),
]
