"""Addresses of the REST API below /api/v1/, but for training's."""

from django.urls import path

from annotation import api, api_logs, api_people, api_review

urlpatterns = [
    path("token/", api.TokenList.as_view(), name="api_tokens"),
    path("token/<str:key>/", api.TokenDetail.as_view(), name="api_token"),
    path("projects/", api.ProjectList.as_view(), name="api_projects"),
    path("projects/<slug:slug>/prompts/", api.PromptList.as_view(), name="api_prompts"),
    path("projects/<slug:slug>/items/", api.ItemList.as_view(), name="api_items"),
    path("projects/<slug:slug>/logs/", api_logs.LogList.as_view(), name="api_logs"),
    path(
        "projects/<slug:slug>/items/<int:pk>/verdicts/",
        api_review.VerdictList.as_view(),
        name="api_verdicts",
    ),
    path(
        "projects/<slug:slug>/disagreements/",
        api_review.DisagreementList.as_view(),
        name="api_disagreements",
    ),
    path("projects/<slug:slug>/annotations/", api.AnnotationList.as_view(), name="api_annotations"),
    path("projects/<slug:slug>/exports/", api.ExportList.as_view(), name="api_exports"),
    path("projects/<slug:slug>/exports/<int:pk>/", api.ExportDetail.as_view(), name="api_export"),
    path(
        "projects/<slug:slug>/exports/<int:pk>/download/",
        api.ExportDownload.as_view(),
        name="api_export_download",
    ),
    path("projects/<slug:slug>/next/", api.Next.as_view(), name="api_next"),
    path(
        "projects/<slug:slug>/guideline/", api_people.GuidelineView.as_view(), name="api_guideline"
    ),
    path(
        "assignments/<uuid:key>/feedback/", api_people.FeedbackView.as_view(), name="api_feedback"
    ),
    path("assignments/<uuid:key>/submit/", api.Submit.as_view(), name="api_submit"),
]
