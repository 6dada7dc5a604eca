"""Addresses of a person's own account."""

from django.urls import path

from annotation import views_account as views

urlpatterns = [
    path("account/", views.account, name="account"),
    path("account/tokens/", views.add_token, name="add_token"),
    path("account/tokens/<str:key>/revoke/", views.revoke_token, name="revoke_token"),
    path("account/sign_out/", views.sign_out_everywhere, name="sign_out_everywhere"),
]
