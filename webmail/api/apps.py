"""Django application of this package."""

from __future__ import annotations

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "webmail.api"
    label = "api"
