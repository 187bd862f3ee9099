"""URLs of the whole site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from sessions_app.gateway.rpc import rpc
from sessions_app.web import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("rpc/<str:method>", rpc, name="rpc"),
    path("admin/", admin.site.urls),
    path("", include("sessions_app.web.urls")),
]
handler404 = "sessions_app.web.errors.page_not_found"
handler500 = "sessions_app.web.errors.server_error"
