"""The address of the preview beside an editor."""

from django.urls import path

from annotation import views_preview as views

urlpatterns = [
    path("assignments/<uuid:key>/preview/", views.preview, name="preview"),
]
