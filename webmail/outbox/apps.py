"""Django application of this package."""

from __future__ import annotations

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "webmail.outbox"
    label = "outbox"

    def ready(self) -> None:
        from webmail.outbox.returned import reports

        reports.connect()
