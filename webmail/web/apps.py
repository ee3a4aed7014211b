"""Django application of this package."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "webmail.web"
    label = "web"
