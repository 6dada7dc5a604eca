"""Every address of the application."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView

from config.health import healthz

# The admin has no door of its own: one login page, one limit on tries.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/2fa/", RedirectView.as_view(pattern_name="account")),  # ours shows the same
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/3rdparty/", include("allauth.socialaccount.urls")),
    path("accounts/", include("allauth.socialaccount.providers.openid_connect.urls")),
    path("healthz", healthz, name="healthz"),
    path("api/v1/", include("annotation.urls_api")),
    path("api/v1/", include("training.urls_api")),
    path("api/schema/", SpectacularJSONAPIView.as_view(), name="api_schema"),
    path("", include("annotation.urls")),
    path("", include("training.urls")),
]
