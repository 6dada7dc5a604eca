"""Addresses of review and adjudication, for reviewers."""

from django.urls import path

from annotation import views_agreement, views_annotators
from annotation import views_review as views

urlpatterns = [
    path("projects/<slug:slug>/agreement/", views_agreement.agreement, name="agreement"),
    path("projects/<slug:slug>/leaderboard/", views_agreement.leaderboard, name="leaderboard"),
    path(
        "projects/<slug:slug>/leaderboard.csv",
        views_agreement.leaderboard_csv,
        name="leaderboard_csv",
    ),
    path("projects/<slug:slug>/annotators/", views_annotators.annotators, name="annotators"),
    path(
        "projects/<slug:slug>/annotators.csv",
        views_annotators.annotators_csv,
        name="annotators_csv",
    ),
    path("projects/<slug:slug>/annotators/<int:pk>/", views_annotators.annotator, name="annotator"),
    path("projects/<slug:slug>/bias/", views_agreement.bias, name="bias"),
    path("projects/<slug:slug>/bias/<slug:table>.csv", views_agreement.bias_csv, name="bias_csv"),
    path(
        "projects/<slug:slug>/agreement/<slug:table>.csv",
        views_agreement.agreement_csv,
        name="agreement_csv",
    ),
    path("projects/<slug:slug>/review/", views.review, name="review"),
    path("projects/<slug:slug>/review/<int:pk>/", views.adjudicate, name="adjudicate"),
    path("projects/<slug:slug>/review/<int:pk>/diff/", views.diff, name="review_diff"),
    path("projects/<slug:slug>/review/<int:pk>/verdict/", views.verdict, name="verdict"),
    path(
        "projects/<slug:slug>/review/<int:pk>/comment/<uuid:key>/",
        views.comment,
        name="comment_on_answer",
    ),
    path("projects/<slug:slug>/review/<int:pk>/gold/", views.verdict_gold, name="verdict_gold"),
    path("projects/<slug:slug>/review/gold/", views.gold, name="review_gold"),
    path(
        "projects/<slug:slug>/review/gold/<int:pk>/retire/",
        views.gold_retire,
        name="review_gold_retire",
    ),
    path("assignments/<uuid:key>/reply/", views.reply, name="reply"),
]
