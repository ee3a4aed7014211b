"""Django application of this package."""

from __future__ import annotations

from django.apps import AppConfig


class JournalConfig(AppConfig):
    name = "webmail.journal"
    label = "journal"

    def ready(self) -> None:
        from webmail.journal import muting

        muting.connect()
