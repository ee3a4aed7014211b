"""Django application of this package."""

from __future__ import annotations

from django.apps import AppConfig


class WorkersConfig(AppConfig):
    name = "webmail.workers"
    label = "workers"
