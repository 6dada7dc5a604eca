"""Addresses of how much is asked of whom."""

from django.urls import path

from annotation import views_flow as views

urlpatterns = [
    path("projects/<slug:slug>/workload/", views.workload, name="workload"),
    path("projects/<slug:slug>/people/<int:pk>/limits/", views.member_limits, name="member_limits"),
]
