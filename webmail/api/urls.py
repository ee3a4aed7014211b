"""Addresses under api/."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from webmail.api.docs import api_docs
from webmail.api.edge import no_such_address, served
from webmail.api.v1 import api

_patterns, _app, _namespace = api.urls

urlpatterns: list[URLPattern | URLResolver] = [
    path("docs", api_docs, name="api_docs"),
    path("v1/", include((served(_patterns), _app), namespace=_namespace)),
    re_path(r"^v1(?:/.*)?$", no_such_address),
]
