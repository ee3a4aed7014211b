"""All addresses of the site."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("webmail.web.urls")),
    path("", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("webmail.api.urls")),
]

handler400 = "webmail.web.views.errors.bad_request"
handler403 = "webmail.web.views.errors.forbidden"
handler404 = "webmail.web.views.errors.not_found"
handler500 = "webmail.web.views.errors.server_error"
