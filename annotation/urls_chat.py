"""Addresses of chat: an annotator's conversations, and a manager's endpoints."""

from django.urls import path

from annotation import views_chat as views

urlpatterns = [
    path("projects/<slug:slug>/chat/", views.chat, name="chat"),
    path("projects/<slug:slug>/chat/<uuid:key>/", views.conversation, name="conversation"),
    path("projects/<slug:slug>/chat/<uuid:key>/thread/", views.thread, name="chat_thread"),
    path("projects/<slug:slug>/chat/<uuid:key>/send/", views.send, name="chat_send"),
    path("projects/<slug:slug>/chat/<uuid:key>/retry/", views.retry, name="chat_retry"),
    path("projects/<slug:slug>/chat/<uuid:key>/choose/", views.choose, name="chat_choose"),
    path("projects/<slug:slug>/chat/<uuid:key>/draft/", views.draft, name="chat_draft"),
    path("projects/<slug:slug>/endpoints/", views.endpoints, name="endpoints"),
    path("projects/<slug:slug>/endpoints/<int:pk>/", views.endpoint, name="endpoint"),
]
