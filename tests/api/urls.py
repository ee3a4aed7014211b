"""The API alone, where the site has it: its tests do not depend on the pages."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("api/", include("webmail.api.urls"))]
