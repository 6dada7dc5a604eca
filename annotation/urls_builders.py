"""The address where researchers build items."""

from django.urls import path

from annotation import views_builders as views

urlpatterns = [
    path("projects/<slug:slug>/items/build/", views.build_items, name="build_items"),
]
