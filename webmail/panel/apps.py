"""Django application of this package."""

from __future__ import annotations

from django.apps import AppConfig


class PanelConfig(AppConfig):
    name = "webmail.panel"
    label = "panel"
