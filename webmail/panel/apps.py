"""Django application: the operator's panel under /admin/. It also brings the system checks of the settings."""

from __future__ import annotations

from django.apps import AppConfig


class PanelConfig(AppConfig):
    name = "webmail.panel"
    label = "panel"

    def ready(self) -> None:
        """Checks are registered by being imported."""
        from webmail.settings import checks

        checks.register_checks()
